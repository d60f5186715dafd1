"""The reference engine, which runs the modules as they are written."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from torch import Tensor

from plaingrad.contract.nest import tensors
from plaingrad.data.samples import batches, rows, take
from plaingrad.module import Module
from plaingrad.native.task import EpochLoss, Task
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer
from plaingrad.train.calling import called
from plaingrad.train.evaluation import BATCH_SIZE, outputs
from plaingrad.train.gathering import EpochSums, Gathered
from plaingrad.train.several import Losses
from plaingrad.train.weighting import Weighted, counts_for_something, of_prediction

BYTES_AT_ONCE = 1 << 26  # of samples that are put in order, lest data on disk come into memory as a whole

Batch = tuple[Any, Any]
"""The inputs and the targets of a batch; the targets are pairs with weights where there are weights."""


class EagerEngine:
    """The engine that calls forward and backward for each batch; the code is what runs."""

    name = "eager"

    def __init__(self, task: Task, reason: str = "") -> None:
        self.task, self.reason = task, reason

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """Run epochs, as `Engine.run_epochs` describes."""
        done: list[EpochLoss] = []
        while len(done) < count and all(epoch.finite for epoch in done[-1:]):
            done.append(self.run_epoch(None if orders is None else orders[len(done)]))
        return done

    def run_epoch(self, order: Tensor | None) -> EpochLoss:
        """Train once on all the data.

        Args:
            order: a permutation of the samples, shape ``(n,)``; None for the data's own order.
        """
        task = self.task
        model, optimizer, schedule = task.model, task.optimizer, task.schedule
        loss, i, sums = self.loss(), 0, EpochSums(task.loss)
        with task.masks.drawn():
            for updates, group in enumerate(grouped(self.batches(order), task.batches_per_update), 1):
                gathered = Gathered(task, loss)
                for j, (x, t) in enumerate(group):
                    for begin in task.batch_begin:
                        begin(i, {})
                    y = called(model, x)
                    value = loss.forward(y, t).item()
                    if task.met is not None:
                        task.met.append((y, t))
                    if counts_for_something(loss, value, y, t):
                        sums.add(value, rows(x), loss.values if isinstance(loss, Losses) else None)
                        if task.stream is not None and not math.isfinite(value):
                            return sums.mean()  # while the batch is still at hand
                        dy = gathered.add(of_prediction(loss.backward()), value, x, y, t)
                        model.backward(*dy if isinstance(dy, tuple) else (dy,))
                    else:
                        gathered.skip(x, t)
                        value = 0.0
                    if j == len(group) - 1 and gathered.finish():
                        sums.penalty += gathered.penalty()
                        again = Closure(model, optimizer, loss, x, t, value)
                        optimizer.step(again if optimizer.needs_closure else None, samples=gathered.samples)
                        optimizer.zero_grad()
                    if j == len(group) - 1 and schedule is not None:
                        gathered.step(schedule)
                    for end in task.batch_end:
                        end(i, {"loss": value})
                    i += 1
                if task.round is not None and updates % task.round.updates == 0:
                    task.round.end(updates)
        return sums.mean()

    def loss(self) -> Loss | Weighted:
        """The loss, with weights if there are any."""
        loss = self.task.loss
        if self.task.weights is None:
            return loss
        return loss.weighted() if isinstance(loss, Losses) else Weighted(loss)

    def batches(self, order: Tensor | None) -> Iterator[Batch]:
        """The batches of an epoch."""
        task, size = self.task, self.task.batch_size
        if task.stream is not None:
            yield from ((batch.inputs, batch.targets) for batch in task.stream)
            return
        data = [task.data.inputs, task.data.targets, *([] if task.weights is None else [task.weights])]
        if order is None:
            yield from self._split(data)
            return
        width = max(1, sum(each.numel() * each.element_size() for each in tensors(data[0])) // len(task.data))
        for part in order.split(max(1, BYTES_AT_ONCE // (width * size)) * size):
            yield from self._split([take(each, part) for each in data])

    def _split(self, data: list[Any]) -> Iterator[Batch]:
        """Inputs, targets and perhaps weights in batches."""
        inputs, targets, *weights = (batches(each, self.task.batch_size) for each in data)
        if not weights:
            yield from zip(inputs, targets)
            return
        for x, t, weight in zip(inputs, targets, weights[0]):
            yield x, (tuple((each, weight) for each in t) if isinstance(t, tuple) else (t, weight))

    def outputs(self, inputs: Any) -> Any:
        """The network's outputs, as `Engine.outputs` describes."""
        is_single = isinstance(self.task.data.targets, Tensor)
        return outputs(self.task.model, inputs, BATCH_SIZE, is_single)


class Closure:
    """The loss of a batch with its gradients: known at the first call, computed anew at each later one.

    Args:
        model: the network.
        optimizer: sets its gradients to zero before they are computed anew.
        loss: the loss, with weights if there are any.
        x: the inputs of the batch.
        t: its targets, and weights.
        value: the loss, whose gradients have been added.
    """

    def __init__(
        self, model: Module, optimizer: Optimizer, loss: Loss | Weighted, x: Any, t: Any, value: float
    ) -> None:
        self.model, self.optimizer, self.loss, self.x, self.t = model, optimizer, loss, x, t
        self.known: float | None = value

    def __call__(self) -> float:
        if self.known is not None:
            value, self.known = self.known, None
            return value
        self.optimizer.zero_grad()
        value = self.loss.forward(called(self.model, self.x), self.t).item()
        dy = of_prediction(self.loss.backward())
        self.model.backward(*dy if isinstance(dy, tuple) else (dy,))
        return value


def grouped(each: Iterator[Batch], size: int) -> Iterator[Sequence[Batch]]:
    """So many batches at once, fewer at the end if it must be."""
    while group := list(islice(each, size)):
        yield group
