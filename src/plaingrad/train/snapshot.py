"""The state of a training run, to go back to."""

from __future__ import annotations

import torch

from plaingrad.train.task import Task


class Snapshot:
    """The model, the state of optimizer and schedule, and of what random numbers come from, as they are now.

    Args:
        task: what is being trained.
    """

    def __init__(self, task: Task) -> None:
        self.task = task
        self.device = task.data.inputs.device
        self.model = {name: value.clone() for name, value in task.model.state_dict().items()}
        self.optimizer = task.optimizer.state_dict()
        self.schedule = None if task.schedule is None else task.schedule.state_dict()
        self.draws = list(task.masks.draws)
        self.random = torch.get_rng_state()
        self.device_random = torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None

    def restore(self) -> None:
        """Put everything back, as often as needed; forget gradients and saved state."""
        self.task.model.load_state_dict(self.model)
        for module in (self.task.model, self.task.loss):
            module.zero_grad()
        if self.task.schedule is not None and self.schedule is not None:
            self.task.schedule.load_state_dict(self.schedule)
        self.task.optimizer.load_state_dict(self.optimizer)
        self.task.masks.draws[:] = self.draws
        torch.set_rng_state(self.random)
        if self.device_random is not None:
            torch.cuda.set_rng_state(self.device_random, self.device)
