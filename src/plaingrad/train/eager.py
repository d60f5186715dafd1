"""The reference engine: runs the modules as they are written."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.train.evaluation import weight
from plaingrad.train.task import Task


class EagerEngine:
    """One pass of plain calls per batch: what you read is what runs."""

    name = "eager"

    def __init__(self, task: Task) -> None:
        self.task = task

    def run_epoch(self, order: Tensor | None) -> float:
        """See `Engine.run_epoch`."""
        task, size, n = self.task, self.task.batch_size, len(self.task.data)
        model, loss, optimizer, schedule = task.model, task.loss, task.optimizer, task.schedule
        inputs, targets = task.data.inputs, task.data.targets
        if order is not None:
            inputs, targets = inputs.index_select(0, order), targets.index_select(0, order)
        full, last = weight(loss, size), (n - 1) // size
        total = torch.zeros((), dtype=torch.float64, device=inputs.device)
        with task.masks.drawn():
            for i, (x, t) in enumerate(zip(inputs.split(size), targets.split(size))):
                for begin in task.batch_begin:
                    begin(i, {})
                value = loss.forward(model.forward(x), t)
                model.backward(loss.backward())
                optimizer.step()
                optimizer.zero_grad()
                if schedule is not None:
                    schedule.step(*(value,) if schedule.needs_metric else ())
                total.add_(value, alpha=full if i < last else weight(loss, n - last * size))
                for end in task.batch_end:
                    end(i, {"loss": value.item()})
        return total.item() / n
