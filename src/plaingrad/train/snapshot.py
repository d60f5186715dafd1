"""The state of a training run, to go back to."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from plaingrad.native.task import Task
from plaingrad.parameter import Buffer, Parameter


class Snapshot:
    """The model, the state of optimizer and schedule, and of what random numbers come from, as they are now.

    Args:
        task: what is being trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.flat = [storage.value.clone() for storage in task.optimizer.storages]
        self.loose = [field.value.clone() for field in task.loose]
        self.optimizer = task.optimizer.state_dict()
        self.schedule = None if task.schedule is None else task.schedule.state_dict()
        self.draws = list(task.masks.draws)
        generators = {module.generator for root in (task.model, task.loss) for module in root.modules()}
        self.random = [
            (generator, generator.get_state()) for generator in generators if generator is not None
        ]

    def pairs(self) -> Iterator[tuple[Parameter | Buffer, Tensor]]:
        """Each parameter and buffer once, with its value as it was."""
        for storage, before in zip(self.task.optimizer.storages, self.flat):
            parts = before.split([parameter.value.numel() for parameter in storage.parameters])
            for parameter, part in zip(storage.parameters, parts):
                yield parameter, part.view_as(parameter.value)
        yield from zip(self.task.loose, self.loose)

    def restore(self) -> None:
        """Put everything back, as often as needed; forget gradients and saved state."""
        for field, before in self.pairs():
            field.value.copy_(before)
        for module in (self.task.model, self.task.loss):
            module.zero_grad()
        if self.task.schedule is not None and self.schedule is not None:
            self.task.schedule.load_state_dict(self.schedule)
        self.task.optimizer.load_state_dict(self.optimizer)
        self.task.masks.draws[:] = self.draws
        for generator, state in self.random:
            generator.set_state(state)
