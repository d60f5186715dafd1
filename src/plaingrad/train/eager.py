"""The reference engine: runs the modules as they are written."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plaingrad.nn import Loss
from plaingrad.train.evaluation import BATCH_SIZE, outputs, weight
from plaingrad.train.task import EpochLoss, Task
from plaingrad.train.weighting import Weighted


class EagerEngine:
    """One pass of plain calls per batch: what you read is what runs."""

    name = "eager"

    def __init__(self, task: Task, reason: str = "") -> None:
        self.task, self.reason = task, reason

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """See `Engine.run_epochs`."""
        done: list[EpochLoss] = []
        while len(done) < count and all(math.isfinite(epoch.loss) for epoch in done[-1:]):
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
            data = [each.index_select(0, order) for each in data]
        inputs, targets, *weights = (each.split(size) for each in data)
        if weights:
            loss, targets = Weighted(task.loss), tuple(zip(targets, weights[0]))
        samples = [1.0] * len(inputs)
        if task.decay_per_sample:
            samples = [w.sum().item() or math.inf for w in weights[0]] if weights else list(map(len, inputs))
        counts = [weight(task.loss, len(x)) for x in inputs]
        total, penalty = torch.zeros(2, dtype=torch.float64, device=task.data.inputs.device)
        with task.masks.drawn():
            for i, (x, t, count) in enumerate(zip(inputs, targets, counts)):
                for begin in task.batch_begin:
                    begin(i, {})
                value = loss.forward(model.forward(x), t)
                model.backward(loss.backward())
                if task.decay_per_sample:
                    penalty.add_(optimizer.penalty(samples[i]), alpha=len(x))
                optimizer.step(samples=samples[i])
                optimizer.zero_grad()
                if schedule is not None:
                    schedule.step(*(value,) if schedule.needs_metric else ())
                total.add_(value, alpha=count)
                for end in task.batch_end:
                    end(i, {"loss": value.item()})
        return EpochLoss(total.item() / len(task.data), penalty.item() / len(task.data))

    def outputs(self, inputs: Tensor) -> Tensor:
        """See `Engine.outputs`."""
        return outputs(self.task.model, inputs, BATCH_SIZE)
