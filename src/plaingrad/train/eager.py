"""The reference engine: runs the modules as they are written."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from plaingrad.nn import Loss
from plaingrad.train.evaluation import BATCH_SIZE, outputs, weight
from plaingrad.train.task import Task
from plaingrad.train.weighting import Weighted


class EagerEngine:
    """One pass of plain calls per batch: what you read is what runs."""

    name = "eager"

    def __init__(self, task: Task) -> None:
        self.task = task

    def run_epochs(self, orders: Tensor | None, count: int) -> list[float]:
        """See `Engine.run_epochs`."""
        losses: list[float] = []
        while len(losses) < count and all(map(math.isfinite, losses[-1:])):
            losses.append(self.run_epoch(None if orders is None else orders[len(losses)]))
        return losses

    def run_epoch(self, order: Tensor | None) -> float:
        """Train once on all the data and return the epoch's loss.

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
        counts = [weight(task.loss, len(x)) for x in inputs]
        total = torch.zeros((), dtype=torch.float64, device=task.data.inputs.device)
        with task.masks.drawn():
            for i, (x, t, count) in enumerate(zip(inputs, targets, counts)):
                for begin in task.batch_begin:
                    begin(i, {})
                value = loss.forward(model.forward(x), t)
                model.backward(loss.backward())
                optimizer.step()
                optimizer.zero_grad()
                if schedule is not None:
                    schedule.step(*(value,) if schedule.needs_metric else ())
                total.add_(value, alpha=count)
                for end in task.batch_end:
                    end(i, {"loss": value.item()})
        return total.item() / len(task.data)

    def outputs(self, inputs: Tensor) -> Tensor:
        """See `Engine.outputs`."""
        return outputs(self.task.model, inputs, BATCH_SIZE)
