"""The base classes of schedules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Literal

from plaingrad.errors import InputError
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.options import COUNT_OR_BEFORE, Expected, expect, one_of

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
        where, own = type(self).__name__, self.state_dict()
        if state.keys() != own.keys():
            raise InputError(f"{where}: expected a state with {list(own)}, got {list(state)}")
        for name, value in own.items():
            if isinstance(value, list) and len(state[name]) != len(value):
                raise InputError(f"{where}: expected {name} for {len(value)} groups, got {state[name]}")
        vars(self).update({name: copied(value) for name, value in state.items()})
        self.apply()

    def per_group(self, argument: str, value: float | list[float], expected: Expected) -> list[float]:
        """A list with a number for each parameter group, from such a list or one number for all.

        Raises:
            InputError: the list has another length, or a number is out of range.
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

    Other changes of the learning rates are overwritten.

    Args:
        optimizer: as for `Schedule`.
        interval: as for `Schedule`.
        last_epoch: -1 to start from the optimizer's current learning rates, each recorded in its parameter
            group as ``"initial_lr"`` unless an earlier schedule has recorded one; else the number of the last
            step done, counted from 0: the schedule continues after it, from the recorded rates.

    Attributes:
        base_lrs: the learning rate of each parameter group that the formula starts from.

    Raises:
        InputError: ``last_epoch`` is less than -1, or a parameter group has no initial learning rate.
    """

    saved: ClassVar[tuple[str, ...]] = (*Schedule.saved, "base_lrs")

    def __init__(self, optimizer: Optimizer, interval: Interval, last_epoch: int = -1) -> None:
        super().__init__(optimizer, interval)
        name = type(self).__name__
        expect(name, "last_epoch", COUNT_OR_BEFORE, last_epoch)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                expected = f"'initial_lr' in param_groups[{i}] to go on from"
                raise InputError(f"{name}: expected {expected}, got none")
        self.last_epoch = last_epoch + 1
        self._begun_from = "lr" if last_epoch == -1 else "initial_lr"
        self.base_lrs = self.start()
        self.apply()

    def start(self) -> list[float]:
        """The initial rates of the formula: the optimizer's, unless a subclass overrides it."""
        return [group[self._begun_from] for group in self.optimizer.param_groups]

    def rate(self, base: float, t: int) -> float:
        """The learning rate after t steps."""
        raise NotImplementedError(f"{type(self).__name__} has no rate")

    def apply(self) -> None:
        for group, base in zip(self.optimizer.param_groups, self.base_lrs):
            group["lr"] = self.rate(base, self.last_epoch)

    def step(self) -> None:
        """Advance to the next learning rate."""
        self.last_epoch += 1
        self.apply()


def copied(value: Any) -> Any:
    """A copy of a list; other values themselves."""
    return list(value) if isinstance(value, list) else value
