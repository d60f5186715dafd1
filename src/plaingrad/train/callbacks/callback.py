"""The hooks of a training run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from plaingrad.module import Module
from plaingrad.optim import Optimizer
from plaingrad.train.history import History

Logs = dict[str, float]


@dataclass
class Run:
    """The training run that a callback belongs to, at ``callback.run``.

    Attributes:
        model: the network being trained.
        optimizer: its update rule; a callback may change ``optimizer.param_groups[0]["lr"]``.
        history: the epochs so far.
        epochs: how many epochs were asked for.
        columns: the names of what each epoch will record.
    """

    model: Module
    optimizer: Optimizer
    history: History
    epochs: int
    columns: list[str]

    def stop(self, reason: str) -> None:
        """End training after this epoch; the reason goes to ``history.stopped``."""
        self.history.stopped = reason


class Callback:
    """Override any of these. Epochs and batches are counted from 0, as in Keras.

    ``on_train_end`` is always called, even when training is broken off by an error. The hooks of batches
    cost time only if they are overridden.

    Attributes:
        run: the training run, set before training begins.
        watches_model: whether it must be called after each epoch, because it looks at the model or changes
            something. One that only takes note of losses may set this to False, and is then called for
            several short epochs in a row after the last of them; `look_away` is for one that may at times.
        verbose: whether it shows how training goes. Then a line on standard error tells of compiling that
            takes longer than half a second, or why a network is not compiled.
    """

    run: Run
    watches_model: bool = True
    verbose: bool = False

    def on_train_begin(self, logs: Logs) -> None:
        """Called once before the first epoch; ``logs`` is empty."""

    def on_train_end(self, logs: Logs) -> None:
        """Called once at the end; ``logs`` are the last epoch's."""

    def on_epoch_begin(self, epoch: int, logs: Logs) -> None:
        """Called before each epoch; ``logs`` is empty."""

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Called after each epoch with all that it recorded."""

    def on_train_batch_begin(self, batch: int, logs: Logs) -> None:
        """Called before each batch; ``logs`` is empty."""

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        """Called after each batch with its ``loss``; 0 of a batch that counts for nothing."""

    def look_away(self) -> float:
        """How many epochs from here on may go into one call of the engine: infinity for any number."""
        return 1 if self.watches_model else math.inf

    def overrides(self, hook: str) -> bool:
        """Whether this callback does anything at that hook."""
        return getattr(type(self), hook) is not getattr(Callback, hook)
