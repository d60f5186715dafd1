"""Learning rates that change by factors: `StepLR`, `MultiStepLR`, `ExponentialLR` and `ConstantLR`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar

from plaingrad.optim.common.options import COUNT, COUNT_OR_ZERO, NON_NEGATIVE, SHARE, Expected
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.schedule import Interval, Scaled


class StepLR(Scaled):
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

    def factor_at(self, t: int) -> float:
        return self.gamma ** (t // self.step_size)


class MultiStepLR(Scaled):
    r"""Multiplies the learning rate by a factor at certain steps.

    .. math::
        \gamma_t = \gamma_0\, g^{k}, \qquad k = \lvert \{i : m_i \le t\} \rvert

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        milestones: the numbers m of those steps, in any order; one that stands there twice counts twice.
        gamma: the factor g.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "milestones": Expected(
            f"{COUNT_OR_ZERO.words} each", lambda value: all(map(COUNT_OR_ZERO.fits, value))
        ),
        "gamma": NON_NEGATIVE,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.milestones = list(milestones)
        self.gamma = gamma
        super().__init__(optimizer, interval, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.gamma ** sum(milestone <= t for milestone in self.milestones)


class ExponentialLR(Scaled):
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

    def factor_at(self, t: int) -> float:
        return self.gamma**t


class ConstantLR(Scaled):
    r"""Multiplies the learning rate by a factor for some steps, and not after that.

    .. math::
        \gamma_t = \begin{cases} \gamma_0\, f & t < n \\ \gamma_0 & \text{else} \end{cases}

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        factor: the factor f.
        total_iters: the number of steps with it, n.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {"factor": SHARE, "total_iters": COUNT}

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, interval, last_epoch)

    def factor_at(self, t: int) -> float:
        return self.factor if t < self.total_iters else 1.0
