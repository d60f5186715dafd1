"""The epochs of a run: the order of the samples, and the number of epochs per call of an engine."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad.data.samples import first_of
from plaingrad.native.task import Snapshot, Task
from plaingrad.train.callbacks.callback import Callback, Logs, Run
from plaingrad.train.diagnose import diverged, finite
from plaingrad.train.engine import Engine
from plaingrad.train.randomness import Draw

SECONDS_AT_ONCE = 0.1  # so that progress and Ctrl-C are handled in time
SAMPLES_AT_ONCE = 4_000_000  # in the orders of the epochs, which have to be held in memory


@dataclass
class Epochs:
    """The epochs of a run.

    One call of the engine runs as many epochs as fit into `SECONDS_AT_ONCE`, if nothing reads the model
    between them: a short epoch takes less time than its preparation.

    Args:
        task: the task of each epoch.
        engine: the engine that runs it.
        run: the run that the epochs belong to.
        draw: draws the order of each epoch; None for the data's own order in all.
        callbacks: called before each epoch.
        watched: whether something besides the callbacks reads the model between epochs.

    Attributes:
        is_current: whether the model is as it was after the epoch that was yielded last.
    """

    task: Task
    engine: Engine
    run: Run
    draw: Draw | None
    callbacks: Sequence[Callback]
    watched: bool
    is_current: bool = False

    def __iter__(self) -> Iterator[tuple[int, Logs]]:
        """Run the epochs that the history does not have yet, until the run is stopped.

        Yields the number of each, from 0, and its logs so far.

        The logs are loss, penalty if the weight decay is per sample, lr and seconds.

        Raises:
            TrainingDiverged: an epoch met NaN or infinity.
            ValueError: the drawn order is not a permutation of the samples.
        """
        done, count = len(self.run.history), 1
        while done < self.run.epochs and not self.run.history.stopped:
            if self.task.stream is not None and not self.task.stream.ready():
                self.run.history.stopped = f"the batches ran out after epoch {done}"
                break
            count = min(count, self.run.epochs - done)
            for epoch in range(done, done + count):
                for callback in self.callbacks:
                    callback.on_epoch_begin(epoch, {})
            start = time.perf_counter()
            rate = float(self.run.optimizer.param_groups[0]["lr"])
            orders, before = self.orders(count), Snapshot(self.task)
            passed = self.engine.run_epochs(orders, count)
            self.run.history.engine, self.run.history.engine_reason = self.engine.name, self.engine.reason
            seconds = (time.perf_counter() - start) / len(passed)
            healthy = finite(self.task, before, passed[-1])
            for i, epoch_loss in enumerate(passed if healthy else passed[:-1], 1):
                self.is_current = healthy and i == len(passed)
                yield done, {**epoch_loss.logs, "lr": rate, "seconds": seconds}
                done += 1
            if not healthy:
                self.run.history.stopped = f"diverged in epoch {done + 1}"
                self.explain(orders, before, len(passed) - 1, done + 1)
            if not self.watched:
                most = min(int(SECONDS_AT_ONCE / seconds), SAMPLES_AT_ONCE // len(self.task.data))
                count = int(
                    max(1, min([most, *(callback.epochs_until_needed() for callback in self.callbacks)]))
                )

    def orders(self, count: int) -> Tensor | None:
        """A permutation of the samples for each epoch, shape ``(count, n)``."""
        if self.draw is None:
            return None
        orders = torch.empty(count, len(self.task.data), dtype=torch.int64)
        for order in orders:
            self.draw(order)
        return orders.to(first_of(self.task.data.inputs).device)

    def explain(self, orders: Tensor | None, before: Snapshot, good: int, epoch: int) -> None:
        """Restore the state after the last good epoch, and raise the diagnosis of the next one."""
        if good:
            before.restore()
            self.engine.run_epochs(None if orders is None else orders[:good], good)
            before = Snapshot(self.task)
        order = None if orders is None else orders[good]
        error = diverged(self.task, before, order, epoch, self.run.history)
        for callback in self.callbacks:
            callback.on_diverged(error)
        raise error
