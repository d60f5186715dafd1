"""A run between its checkpoints: what is put back at its beginning, and when its state is written."""

from __future__ import annotations

import sys
from array import array
from contextlib import ExitStack
from typing import Any

import numpy as np
import torch

from plaingrad.data.batches import Batches
from plaingrad.data.random_states import random_states, restore_random_states
from plaingrad.errors import error_fields
from plaingrad.native.interrupt import Termination
from plaingrad.native.task import Task
from plaingrad.train.callbacks.callback import is_first
from plaingrad.train.diagnose import TrainingDiverged
from plaingrad.train.preparation import Training
from plaingrad.train.resume.checkpoint import Checkpoint, terminate
from plaingrad.train.resume.fingerprint import components, fingerprint
from plaingrad.train.resume.state import drawn, learned, restore_drawn, restore_learned, restore_scalars


class Session:
    """The part of a run from a start to an end of the program.

    Args:
        training: the checked arguments. Network, optimizer, schedule and history become those of the
            checkpoint, if there is one.
        checkpoint: the file; None for a run that goes on from nothing.

    Raises:
        InputError: the checkpoint is of another run, or damaged.
        OSError: its folder cannot be created or written to.
    """

    def __init__(self, training: Training, checkpoint: Checkpoint | None) -> None:
        self.training, self.checkpoint = training, checkpoint
        self.state: dict[str, Any] | None = None
        self._termination = Termination()
        self._columns: dict[str, array[float]] = {}
        if checkpoint is None:
            return
        self.is_first = is_first(training.callbacks)
        if self.is_first:
            self.state = checkpoint.begin(fingerprint(training))
        for callback in training.callbacks:
            self.state = callback.from_first(self.state)
        if self.state is not None:
            with error_fields(file=checkpoint.path, hint="remove it to begin anew"):
                restore_learned(training, self.state)

    @property
    def is_complete(self) -> bool:
        """True if nothing is left to be done."""
        return self.state is not None and bool(self.state["complete"])

    def leave_as_it_ended(self) -> None:
        """Put back how callbacks and generators were at the end of a complete run; remove its checkpoint."""
        assert self.checkpoint is not None
        assert self.state is not None
        self._restore_callbacks()
        if not self.checkpoint.is_kept:
            restore_random_states(self.state["random"])
            if self.is_first:
                self.checkpoint.remove()

    @property
    def is_eager(self) -> bool:
        """True if the state is to be written after every epoch."""
        return self.checkpoint is not None and self.checkpoint.every == 0

    def enter(self, task: Task, orders: torch.Generator, around: ExitStack) -> None:
        """Put random numbers back once the run has them; until the stack is closed, note SIGTERM.

        Raises:
            InputError: another process goes on from the checkpoint.
        """
        self.task, self.orders = task, orders
        if self.state is not None:
            restore_drawn(task, orders, self.state)
        if self.checkpoint is not None:
            around.push(self._forget_what_diverged)
            if self.is_first:
                around.enter_context(self.checkpoint.alone())
            around.enter_context(self._termination)

    def resume(self) -> None:
        """Put back what callbacks and preparations have drawn and changed since the program began."""
        if self.checkpoint is None or self.state is None:
            return
        self._restore_callbacks()
        if callable(self.training.shuffle):  # which may have a state of its own
            for _ in range(len(self.training.run.history)):
                self.training.shuffle()
        for stream, position in zip(self._streams, self.state["streams"]):
            stream.load_state_dict(position)
        if not self.checkpoint.is_kept:
            restore_random_states(self.state["random"])
        if any(callback.verbose for callback in self.training.callbacks):
            print(f"going on after epoch {len(self.training.run.history)}", file=sys.stderr, flush=True)

    @property
    def is_terminated(self) -> bool:
        """True if SIGTERM has come."""
        return self._termination.requested

    def after_epoch(self) -> None:
        """Write the state if it is time, or if the run is interrupted."""
        if self.checkpoint is None or not self.is_first:
            return
        is_settled = all(callback.is_settled for callback in self.training.callbacks)
        if is_settled and (self._is_interrupted or self.checkpoint.is_due()):
            self._write(is_complete=False)

    def finish(self) -> None:
        """Remove the checkpoint of a complete run, or mark it as complete if it is needed again.

        Raises:
            SystemExit: SIGTERM has come.
        """
        is_ended = self.training.run.agreed(self.is_terminated)  # in whichever process
        if self.checkpoint is not None and self.is_first and not self._is_interrupted:
            if self.checkpoint.is_kept or is_ended:
                self._write(is_complete=True)
            else:
                self.checkpoint.remove()
        if is_ended:
            terminate()

    @property
    def _is_interrupted(self) -> bool:
        return self.training.run.history.stopped.startswith("interrupted")

    def _forget_what_diverged(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        """Remove the checkpoint of a run that would end in the same way again."""
        if self.checkpoint is not None and self.is_first and isinstance(error, TrainingDiverged):
            self.checkpoint.remove()

    def _write(self, is_complete: bool) -> None:
        assert self.checkpoint is not None
        state = learned(self.training) | drawn(self.task, self.orders) | {"history": self._history()}
        state |= {"streams": [stream.state_dict() for stream in self._streams], "complete": is_complete}
        state |= {} if self.checkpoint.is_kept else {"random": random_states()}
        self.checkpoint.write(state, len(self.training.run.history), components(self.training))

    def _history(self) -> dict[str, Any]:
        """The history; its columns only grow, and those of earlier checkpoints are ready as they are."""
        history = self.training.run.history
        for name, values in history.epochs.items():
            column = self._columns.setdefault(name, array("d"))
            column.extend(values[len(column) :])
        return {**vars(history), "epochs": {name: np.array(column) for name, column in self._columns.items()}}

    def _restore_callbacks(self) -> None:
        """Restore what callbacks remember, and the fields that they may have changed."""
        assert self.state is not None
        restore_scalars(self.training, self.state)
        saved = iter(self.state["callbacks"])
        for callback in self.training.callbacks:
            callback.run, kind = self.training.run, type(callback).__name__
            # Those between are of callbacks that another process alone has.
            state = next((state for name, state in saved if name == kind), None)
            if state is not None:
                callback.load_state_dict(state)

    @property
    def _streams(self) -> list[Batches]:
        sources = [self.training.stream, self.training.validation]
        return [source for source in sources if isinstance(source, Batches)]
