"""The base classes of schedules."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

from plaingrad.errors import InputError
from plaingrad.optim.common.options import COUNT_OR_BEFORE, Expected, expect, one_of
from plaingrad.optim.optimizer import Optimizer

Interval = Literal["epoch", "step"]


class Schedule:
    """Changes the learning rates of an optimizer during training.

    A subclass assigns its arguments to fields and then calls this constructor, which checks them against
    ``expected``.

    Args:
        optimizer: the optimizer whose parameter groups are changed.
        interval: how often a training loop is to call ``step()``: after every ``"epoch"``, or after every
            ``"step"`` of the optimizer.

    Attributes:
        last_epoch: how many times ``step()`` has been called.
        needs_metric: whether ``step`` takes a metric.

    Raises:
        InputError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {}
    saved: ClassVar[tuple[str, ...]] = ("last_epoch",)
    needs_metric: ClassVar[bool] = False
    step: Callable[..., None]

    def __init__(self, optimizer: Optimizer, interval: Interval) -> None:
        name = type(self).__name__
        if not isinstance(optimizer, Optimizer):
            raise InputError(f"{name}: expected an Optimizer, got {optimizer!r}")
        expect(name, "interval", one_of("epoch", "step"), interval)
        for argument, expected in self.expected.items():
            expect(name, argument, expected, vars(self)[argument])
        self.optimizer = optimizer
        self.interval = interval
        self.last_epoch = 0

    def apply(self) -> None:
        """Set the parameter groups' options from the schedule's state."""
        raise NotImplementedError(f"{type(self).__name__} has no apply")

    def begin(self, rates: Sequence[float]) -> None:
        """Start over from these learning rates, one for each parameter group; for `SequentialLR`."""
        raise NotImplementedError(f"{type(self).__name__} has no begin")

    def take_over(self) -> None:
        """Start over after another schedule has ended; for `SequentialLR`."""
        raise NotImplementedError(f"{type(self).__name__} has no take_over")

    def chain(self) -> None:
        """Advance from a learning rate that other schedules change too; for `ChainedScheduler`."""
        self.step()

    @property
    def steps_left(self) -> float:
        """The number of times that ``step()`` may still be called; infinite if nothing limits it."""
        return math.inf

    def get_last_lr(self) -> list[float]:
        """The learning rate of each parameter group."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """The schedule's progress, without the constructor's arguments."""
        return {name: copied(vars(self)[name]) for name in self.saved}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of `state_dict`, and set the learning rates accordingly.

        Args:
            state: the state of a schedule of the same class, for as many parameter groups.

        Raises:
            InputError: it is not.
        """
        self.expect_state(state)
        vars(self).update({name: copied(value) for name, value in state.items()})
        self.apply()

    def expect_state(self, state: dict[str, Any]) -> None:
        """Refuse a state that `load_state_dict` cannot take.

        Raises:
            InputError: it is of another class, or for another number of parameter groups.
        """
        where, own = type(self).__name__, self.state_dict()
        if state.keys() != own.keys():
            raise InputError(f"{where}: expected a state with {list(own)}, got {list(state)}")
        for name, value in own.items():
            if isinstance(value, list) and len(state[name]) != len(value):
                raise InputError(f"{where}: expected {name} for {len(value)} groups, got {state[name]}")

    def record(self, last_epoch: int) -> None:
        """Set the number of steps done, and note the initial learning rates in the groups at the beginning.

        Raises:
            InputError: the number is out of range, or there are steps but no initial rates.
        """
        name = type(self).__name__
        expect(name, "last_epoch", COUNT_OR_BEFORE, last_epoch)
        for i, group in enumerate(self.optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                expected = f"'initial_lr' in param_groups[{i}] to go on from"
                raise InputError(f"{name}: expected {expected}, got none")
        self.last_epoch = last_epoch + 1

    def per_group(self, argument: str, value: Any, expected: Expected) -> list[Any]:
        """A list with an entry for each parameter group, from such a list or one entry for all.

        Raises:
            InputError: the list has another length, or an entry does not fit.
        """
        where, groups = type(self).__name__, len(self.optimizer.param_groups)
        values = list(value) if isinstance(value, (list, tuple)) else [value] * groups
        if len(values) != groups:
            raise InputError(f"{where}: expected {argument} for {groups} parameter groups, got {value}")
        for each in values:
            expect(where, argument, expected, each)
        return values


class ClosedForm(Schedule):
    """A schedule whose learning rate is a formula in the number of steps and the initial rate.

    Other changes of the learning rates are overwritten, unless it is chained with other schedules.

    Args:
        optimizer: as for `Schedule`.
        interval: as for `Schedule`.
        last_epoch: -1 to start from the optimizer's current learning rates, each recorded in its parameter
            group as ``"initial_lr"`` unless an earlier schedule has recorded one; else the number of the last
            step done, counted from 0: the schedule continues after it, from the recorded rates.

    Attributes:
        base_lrs: the learning rate of each parameter group that the formula starts from.
        initial_lrs: the ``"initial_lr"`` of each.
        follows: whether it starts from the current rates rather than from the ``"initial_lr"``, and can be
            chained by `following`, both as in PyTorch.

    Raises:
        InputError: ``last_epoch`` is less than -1, or a parameter group has no initial learning rate.
    """

    saved: ClassVar[tuple[str, ...]] = (*Schedule.saved, "base_lrs")
    follows: ClassVar[bool] = False

    def __init__(self, optimizer: Optimizer, interval: Interval, last_epoch: int = -1) -> None:
        super().__init__(optimizer, interval)
        self.record(last_epoch)
        self.initial_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        is_new = self.follows and last_epoch == -1
        self.base_lrs = self.start(self.get_last_lr() if is_new else self.initial_lrs)
        self.apply()

    def start(self, rates: Sequence[float]) -> list[float]:
        """The initial rates of the formula: those given, unless a subclass has its own."""
        return list(rates)

    def begin(self, rates: Sequence[float]) -> None:
        self.last_epoch = 0
        self.base_lrs = self.start(rates if self.follows else self.initial_lrs)
        self.apply()

    def take_over(self) -> None:
        self.begin(self.initial_lrs)

    def rate(self, base: float, t: int) -> float:
        """The learning rate after t steps."""
        raise NotImplementedError(f"{type(self).__name__} has no rate")

    def rates(self, t: int) -> list[float]:
        """The learning rate of each parameter group after t steps."""
        return [self.rate(base, t) for base in self.base_lrs]

    def following(self, lr: float, i: int, t: int) -> float:
        """The learning rate of group number i after t steps, from that after t - 1 as others have left it."""
        raise NotImplementedError(f"{type(self).__name__} has no following")

    def apply(self) -> None:
        for group, lr in zip(self.optimizer.param_groups, self.rates(self.last_epoch)):
            group["lr"] = lr

    def step(self) -> None:
        """Advance to the next learning rate."""
        self.last_epoch += 1
        self.apply()

    def chain(self) -> None:
        if not self.follows:
            self.step()
            return
        self.last_epoch += 1
        for i, group in enumerate(self.optimizer.param_groups):
            group["lr"] = self.following(group["lr"], i, self.last_epoch)


class Scaled(ClosedForm):
    """A schedule whose learning rate is the initial one times a factor for the number of steps."""

    follows: ClassVar[bool] = True

    def factor_at(self, t: int) -> float:
        """The factor after t steps."""
        raise NotImplementedError(f"{type(self).__name__} has no factor_at")

    def rate(self, base: float, t: int) -> float:
        return base * self.factor_at(t)

    def following(self, lr: float, i: int, t: int) -> float:
        before, now = self.factor_at(t - 1), self.factor_at(t)
        if now == before:
            return lr
        return lr * now / before if before else self.rate(self.base_lrs[i], t)


def copied(value: Any) -> Any:
    """A copy of a list; other values themselves."""
    return list(value) if isinstance(value, list) else value
