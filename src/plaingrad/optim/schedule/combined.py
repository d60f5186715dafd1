"""Schedules made of schedules: `ChainedScheduler` and `SequentialLR`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar

from plaingrad.errors import InputError
from plaingrad.optim.common.options import COUNT_OR_ZERO, expect
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.schedule import Interval, Schedule


class Combined(Schedule):
    """A schedule that steps others of the same optimizer.

    Args:
        optimizer: as for `Schedule`.
        schedulers: the schedules.
        interval: None for that of the schedules.

    Attributes:
        schedulers: the schedules.
    """

    saved: ClassVar[tuple[str, ...]] = (*Schedule.saved, "last_lrs")

    def __init__(
        self, optimizer: Optimizer | None, schedulers: Sequence[Schedule], interval: Interval | None
    ) -> None:
        name, self.schedulers = type(self).__name__, list(schedulers)
        if not self.schedulers:
            raise InputError(f"{name}: expected at least one schedule, got none")
        for i, one in enumerate(self.schedulers):
            if not isinstance(one, Schedule) or one.needs_metric:
                got = type(one).__name__
                raise InputError(f"{name}: expected schedules without a metric, got a {got} at index {i}")
        optimizer = self.schedulers[0].optimizer if optimizer is None else optimizer
        intervals = {one.interval for one in self.schedulers}
        if any(one.optimizer is not optimizer for one in self.schedulers):
            raise InputError(f"{name}: expected schedules of the same optimizer, got one of another")
        if interval is None and len(intervals) > 1:
            raise InputError(f"{name}: expected schedules of one interval, or interval=..., got both")
        super().__init__(optimizer, interval or self.schedulers[0].interval)
        self.last_lrs = self.get_last_lr()

    def apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.last_lrs):
            group["lr"] = lr

    def take_over(self) -> None:
        self.begin([group["initial_lr"] for group in self.optimizer.param_groups])

    def state_dict(self) -> dict[str, Any]:
        return {**super().state_dict(), "schedulers": [one.state_dict() for one in self.schedulers]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.expect_state(state)
        for one, own in zip(self.schedulers, state["schedulers"]):
            one.load_state_dict(own)
        self.last_epoch, self.last_lrs = state["last_epoch"], list(state["last_lrs"])
        self.apply()

    def expect_state(self, state: dict[str, Any]) -> None:
        super().expect_state(state)
        for one, own in zip(self.schedulers, state["schedulers"]):
            one.expect_state(own)


class ChainedScheduler(Combined):
    r"""Steps several schedules at once, each from the learning rate that the one before has left.

    .. math::
        \gamma_t = \gamma_0\, f_1(t)\, f_2(t) \cdots \qquad
            \text{for schedules that multiply the initial rate by a factor}

    `CosineAnnealingLR` is applied to the current rate too, by the ratio of its distances from the minimum;
    a schedule with rates of its own, such as `LambdaLR` or `OneCycleLR`, overwrites what those before it did.

    Args:
        schedulers: the schedules, of one optimizer.
        optimizer: that optimizer.
        interval: whether a training loop is to call ``step()`` after every epoch or step; None for what the
            schedules say.

    Raises:
        InputError: there is no schedule, one wants a metric, or they differ in their optimizer or interval.
    """

    def __init__(
        self,
        schedulers: Sequence[Schedule],
        optimizer: Optimizer | None = None,
        *,
        interval: Interval | None = None,
    ) -> None:
        super().__init__(optimizer, schedulers, interval)

    def begin(self, rates: Sequence[float]) -> None:
        self.last_epoch = 0
        for one in self.schedulers:
            one.begin(rates)
            rates = self.get_last_lr()
        self.last_lrs = self.get_last_lr()

    def step(self) -> None:
        """Advance every schedule."""
        self.last_epoch += 1
        for one in self.schedulers:
            one.chain()
        self.last_lrs = self.get_last_lr()

    @property
    def steps_left(self) -> float:
        return min(one.steps_left for one in self.schedulers)


class SequentialLR(Combined):
    r"""Follows one schedule after another, each from its beginning.

    .. math::
        \gamma_t = \gamma^{(i)}_{t - m_i} \qquad m_i \le t < m_{i+1}, \quad m_0 = 0

    A schedule starts from the groups' ``"initial_lr"``; `MultiplicativeLR` and `SWALR` go on from the
    learning rate that they find.

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        schedulers: the schedules, of this optimizer.
        milestones: the numbers of steps m at which the second, third and further schedules begin.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step; None for what the
            schedules say.

    Raises:
        InputError: there is no schedule, one wants a metric, they differ in their optimizer or interval, or
            the milestones are not ascending numbers, one fewer than schedules.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: Sequence[Schedule],
        milestones: Sequence[int],
        last_epoch: int = -1,
        *,
        interval: Interval | None = None,
    ) -> None:
        self.milestones = list(milestones)
        super().__init__(optimizer, schedulers, interval)
        for milestone in self.milestones:
            expect("SequentialLR", "milestones", COUNT_OR_ZERO, milestone)
        if len(self.milestones) != len(self.schedulers) - 1 or sorted(self.milestones) != self.milestones:
            expected = f"{len(self.schedulers) - 1} ascending milestones"
            raise InputError(f"SequentialLR: expected {expected}, got {self.milestones}")
        self.record(last_epoch)
        self.begin([group["initial_lr"] for group in self.optimizer.param_groups])
        for _ in range(last_epoch + 1):
            self.step()

    def active(self, t: int) -> int:
        """The index of the schedule after t steps."""
        return sum(milestone <= t for milestone in self.milestones)

    def begin(self, rates: Sequence[float]) -> None:
        self.last_epoch = 0
        self.schedulers[self.active(0)].begin(rates)
        self.last_lrs = self.get_last_lr()

    def step(self) -> None:
        """Advance the schedule whose turn it is."""
        self._advance(chained=False)

    def chain(self) -> None:
        self._advance(chained=True)

    def _advance(self, chained: bool) -> None:
        t = self.last_epoch + 1
        i = self.active(t)
        one = self.schedulers[i]
        if i and self.milestones[i - 1] == t:
            one.take_over()
        elif chained:
            one.chain()
        else:
            one.step()
        self.last_epoch = t
        self.last_lrs = self.get_last_lr()

    def apply(self) -> None:
        self.schedulers[self.active(self.last_epoch)].apply()
        super().apply()

    @property
    def steps_left(self) -> float:
        t: float = self.last_epoch
        ends = [*self.milestones, math.inf]
        for one, end in list(zip(self.schedulers, ends))[self.active(self.last_epoch) :]:
            if t + one.steps_left < end - 1:
                return t + one.steps_left - self.last_epoch
            t = end
        return math.inf
