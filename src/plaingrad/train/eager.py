"""The reference engine, which runs the modules as they are written."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from plaingrad.data.sparse import batches, take
from plaingrad.native.task import EpochLoss, Task
from plaingrad.nn import Loss
from plaingrad.train.evaluation import BATCH_SIZE, outputs
from plaingrad.train.weighting import Weighted, of_prediction


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
        task, size = self.task, self.task.batch_size
        model, optimizer, schedule = task.model, task.optimizer, task.schedule
        loss: Loss | Weighted = task.loss
        data = [task.data.inputs, task.data.targets, *([] if task.weights is None else [task.weights])]
        if order is not None:
            data = [take(each, order) for each in data]
        inputs, targets, *weights = (batches(each, size) for each in data)
        goals: Iterable[Any] = targets
        if weights:
            loss, goals = Weighted(task.loss), zip(targets, weights[0])
        samples = [1.0] * len(inputs)
        if task.decay_per_sample:
            samples = [w.sum().item() for w in weights[0]] if weights else list(map(len, inputs))
        total, penalty, counted = 0.0, 0.0, 0
        with task.masks.drawn():
            for i, (x, t) in enumerate(zip(inputs, goals)):
                for begin in task.batch_begin:
                    begin(i, {})
                y = model.forward(x)
                value = loss.forward(y, t).item()
                counts = counts_for_something(loss, value, y, t)
                if counts:
                    model.backward(of_prediction(loss.backward()))
                    rows = x.shape[0]
                    if task.decay_per_sample:
                        penalty += optimizer.penalty(samples[i]).item() * rows
                    closure = Closure(task, loss, x, t, value) if optimizer.needs_closure else None
                    optimizer.step(closure, samples=samples[i])
                    optimizer.zero_grad()
                    total += value * (rows if task.loss.is_mean else 1)
                    counted += rows
                else:
                    model.zero_grad()
                    loss.zero_grad()
                    value = 0.0
                if schedule is not None and (counts or not schedule.needs_metric):
                    schedule.step(*(value,) if schedule.needs_metric else ())
                for end in task.batch_end:
                    end(i, {"loss": value})
        return EpochLoss.of(total, penalty, counted)

    def outputs(self, inputs: Tensor) -> Tensor:
        """The network's outputs, as `Engine.outputs` describes."""
        return outputs(self.task.model, inputs, BATCH_SIZE)


class Closure:
    """The loss of a batch with its gradients: known at the first call, computed anew at each later one.

    Args:
        task: what is being trained.
        loss: the loss, with weights if there are any.
        x: the inputs of the batch.
        t: its targets, and weights.
        value: the loss, whose gradients have been added.
    """

    def __init__(self, task: Task, loss: Loss | Weighted, x: Tensor, t: Any, value: float) -> None:
        self.task, self.loss, self.x, self.t = task, loss, x, t
        self.known: float | None = value

    def __call__(self) -> float:
        if self.known is not None:
            value, self.known = self.known, None
            return value
        self.task.optimizer.zero_grad()
        value = self.loss.forward(self.task.model.forward(self.x), self.t).item()
        self.task.model.backward(self.loss.backward())
        return value


def counts_for_something(loss: Loss | Weighted, value: float, prediction: Tensor, target: Any) -> bool:
    """True if any element of a batch has weight in its loss."""
    if value and not math.isnan(value):  # no weight makes a sum 0 and a mean NaN
        return True
    return bool(loss.shares(prediction, target).sum())
