"""The base class of schedules whose next learning rate follows from the current one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.schedule import Interval, Schedule


class Recursive(Schedule):
    """A schedule that changes the learning rates as they are, whoever has set them.

    Args:
        optimizer: as for `Schedule`.
        interval: as for `Schedule`.
        last_epoch: -1 to start; else the number of the last step done, counted from 0: the schedule continues
            after it, from the current rates.

    Attributes:
        last_lrs: the learning rate of each parameter group, as it was last set.

    Raises:
        InputError: ``last_epoch`` is less than -1, or a parameter group has no initial learning rate.
    """

    saved: ClassVar[tuple[str, ...]] = (*Schedule.saved, "last_lrs")

    def __init__(self, optimizer: Optimizer, interval: Interval, last_epoch: int = -1) -> None:
        super().__init__(optimizer, interval)
        self.record(last_epoch)
        self.prepare()
        self.last_lrs = self.get_last_lr()
        if last_epoch == -1:
            self.begin(self.last_lrs)

    def prepare(self) -> None:
        """Check the arguments that are for each parameter group; a subclass that has such extends it."""

    def following(self, lr: float, i: int, t: int) -> float:
        """The learning rate of group number i after t steps, from that after t - 1."""
        raise NotImplementedError(f"{type(self).__name__} has no following")

    def first(self, lr: float, i: int) -> float:
        """The learning rate with which group number i starts."""
        return self.following(lr, i, 0)

    def begin(self, rates: Sequence[float]) -> None:
        self.last_epoch = 0
        self.last_lrs = [self.first(lr, i) for i, lr in enumerate(rates)]
        self.apply()

    def take_over(self) -> None:
        self.last_epoch = -1
        self.step()

    def step(self) -> None:
        """Advance to the next learning rate."""
        self.last_epoch += 1
        rates = self.get_last_lr()
        self.last_lrs = [self.following(lr, i, self.last_epoch) for i, lr in enumerate(rates)]
        self.apply()

    def apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.last_lrs):
            group["lr"] = lr
