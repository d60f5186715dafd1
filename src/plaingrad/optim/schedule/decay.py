"""Learning rates that fall by factors: `StepLR` and `ExponentialLR`."""

from __future__ import annotations

from typing import ClassVar

from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.options import COUNT, NON_NEGATIVE, Expected
from plaingrad.optim.schedule.schedule import ClosedForm, Interval


class StepLR(ClosedForm):
    r"""Multiplies the learning rate by a factor every few steps.

    .. math::
        \gamma_t = \gamma_0\, g^{\lfloor t / s \rfloor}

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        step_size: the number of steps between two changes, s.
        gamma: the factor g.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {"step_size": COUNT, "gamma": NON_NEGATIVE}

    def __init__(
        self,
        optimizer: Optimizer,
        step_size: int,
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, interval, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma ** (t // self.step_size)


class ExponentialLR(ClosedForm):
    r"""Multiplies the learning rate by a factor at every step.

    .. math::
        \gamma_t = \gamma_0\, g^t

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        gamma: the factor g.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {"gamma": NON_NEGATIVE}

    def __init__(
        self, optimizer: Optimizer, gamma: float, last_epoch: int = -1, *, interval: Interval = "epoch"
    ) -> None:
        self.gamma = gamma
        super().__init__(optimizer, interval, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return base * self.gamma**t
