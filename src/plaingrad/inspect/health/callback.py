"""The health of a network over a run, as a callback."""

from __future__ import annotations

import time
from typing import Any

import msgspec

from plaingrad.errors import InputError
from plaingrad.inspect.health.diagnosis import Diagnosis
from plaingrad.inspect.health.finding import Problem, over_time
from plaingrad.inspect.health.measures import EpochHealth, measured
from plaingrad.inspect.health.progress import constant_loss, has_fallen, loss_not_falling
from plaingrad.inspect.health.rules import problems
from plaingrad.inspect.record import Trace, record
from plaingrad.inspect.thinning import thinned
from plaingrad.optim.common.options import COUNT, expect
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.diagnose import TrainingDiverged


class Health(Callback):
    """Records one step on a few samples before training and after epochs, and finds what hinders learning.

    The samples are taken from the training data at even distances, or are the first of batches that come from
    outside; they stay the same. The step runs on a copy, so that training goes on as it would without this
    callback. It works with both engines, which run one epoch a call then. ``print(callback)`` shows the
    findings, the layers, and the time that recording took.

    Args:
        samples: the number of samples in the step.
        every: the number of epochs from one record to the next; the last epoch is always recorded.

    Attributes:
        diagnosis: what was found, after training.
        epochs: the measures so far.
        seconds: the time that recording took.

    Raises:
        InputError: ``samples`` or ``every`` is no count; at the start of training, if it is not that of
            `plaingrad.fit`, which alone shows its data and its loss.
    """

    def __init__(self, samples: int = 64, every: int = 1) -> None:
        expect("Health", "samples", COUNT, samples)
        expect("Health", "every", COUNT, every)
        self.samples, self.every = samples, every
        self._forget()

    def _forget(self) -> None:
        self.epochs: list[EpochHealth] = []
        self.seconds = 0.0
        self._problems: list[tuple[int | None, list[Problem]]] = []
        self._diverged: list[Problem] = []
        self._constant: float | None = None
        self._data: Any = None
        self._epoch = 0

    def on_train_begin(self, logs: Logs) -> None:
        self._forget()
        data = self.run.data
        if data is None or self.run.loss is None:
            raise InputError("Health: expected to be a callback of plaingrad.fit, got a run without data")
        self._data = thinned(data, self.samples)
        self._constant = constant_loss(self._record(0))

    def state_dict(self) -> dict[str, Any]:
        """The records so far, as data."""
        return {
            "epoch": self._epoch,
            "epochs": msgspec.to_builtins(self.epochs),
            "problems": msgspec.to_builtins(self._problems),
            "constant": self._constant,
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self._constant, self.seconds = state["epoch"], state["constant"], state["seconds"]
        self.epochs = msgspec.convert(state["epochs"], list[EpochHealth])
        self._problems = msgspec.convert(state["problems"], list[tuple[int | None, list[Problem]]])

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._epoch = epoch + 1
        if self._epoch % self.every == 0 or self._epoch == self.run.epochs:
            self._record(self._epoch)

    def epochs_until_needed(self) -> float:
        """The number of epochs until the next record."""
        return min(self.every - self._epoch % self.every, max(1, self.run.epochs - self._epoch))

    def on_diverged(self, error: Exception) -> None:
        if isinstance(error, TrainingDiverged):
            path = error.finding.path if error.finding else ""
            self._diverged = [Problem("diverged", path, float(error.epoch), "", str(error), "")]

    def on_train_end(self, logs: Logs) -> None:
        if self.epochs and self.epochs[-1].epoch != self._epoch:  # training was stopped
            self._record(self._epoch)

    @property
    def diagnosis(self) -> Diagnosis:
        losses = [each.loss for each in self.epochs]
        epochs: list[tuple[int | None, list[Problem]]] = [
            (epoch, self._meaningful(epoch, each, losses)) for epoch, each in self._problems
        ]
        stuck = loss_not_falling(self.epochs, self._constant)
        diverged = [problem.lasting(None) for problem in self._diverged]
        whole_run = [stuck.lasting(None)] if stuck else []
        return Diagnosis((*diverged, *whole_run, *over_time(epochs)), tuple(self.epochs), self.cost)

    @property
    def cost(self) -> str:
        """The time that recording took, in words."""
        count = 0 if self._data is None else len(self._data)
        return f"{len(self.epochs)} records of {count} samples took {self.seconds:.2f} s"

    def _meaningful(self, epoch: int | None, seen: list[Problem], losses: list[float]) -> list[Problem]:
        """The problems without the sizes of updates where they say nothing.

        The first update of a rule with a memory is not like the others, but all that there is if training
        diverged at once; at the end of training that went well, updates are small.
        """
        first = epoch == 0 and len(losses) > 1
        ignored = {"update-too-large", "update-too-small"} if first else set[str]()
        ignored |= {"update-too-small"} if has_fallen(losses) else set()
        return [problem for problem in seen if problem.kind not in ignored]

    def _record(self, epoch: int) -> Trace:
        begun = time.perf_counter()
        data, run = self._data, self.run
        trace = record(run.model, data.inputs, data.targets, loss=run.loss, optimizer=run.optimizer)
        layers = measured(trace, epoch)
        self.epochs.append(layers)
        self._problems.append((epoch, problems(trace, layers)))
        self.seconds += time.perf_counter() - begun
        return trace

    def __repr__(self) -> str:
        return f"Health({self.samples}, every={self.every})"

    def __str__(self) -> str:
        return str(self.diagnosis)

    def __rich__(self) -> Any:
        return self.diagnosis.__rich__()

    def _repr_html_(self) -> str:
        return self.diagnosis._repr_html_()
