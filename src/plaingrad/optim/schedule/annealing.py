"""Learning rates that move smoothly from one value to another: a line, a polynomial, a cosine."""

from __future__ import annotations

import math
from typing import ClassVar

from plaingrad.optim.common.options import COUNT, NON_NEGATIVE, POSITIVE_SHARE, SHARE, Expected
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.schedule import ClosedForm, Interval, Scaled


def linear(start: float, end: float, share: float) -> float:
    """The linear interpolation from start to end, at this share of the way."""
    return start + (end - start) * share


def cosine(start: float, end: float, share: float) -> float:
    """The interpolation from start to end along half a cosine wave, at this share of the way."""
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


class LinearLR(Scaled):
    r"""Scales the learning rate by a factor that goes from one value to another on a line, and stays there.

    .. math::
        \gamma_t = \gamma_0 \Big(a + (b - a)\, \frac{\min(t, n)}{n}\Big)

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        start_factor: the first factor a.
        end_factor: the last factor b.
        total_iters: the number of steps from one to the other, n.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "start_factor": POSITIVE_SHARE,
        "end_factor": SHARE,
        "total_iters": COUNT,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, interval, last_epoch)

    def factor_at(self, t: int) -> float:
        return linear(self.start_factor, self.end_factor, min(t / self.total_iters, 1.0))


class PolynomialLR(Scaled):
    r"""Lets the learning rate fall to 0 on a power of the remaining time.

    .. math::
        \gamma_t = \gamma_0 \Big(1 - \frac{\min(t, n)}{n}\Big)^p

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        total_iters: the number of steps to 0, n.
        power: the power p.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    expected: ClassVar[dict[str, Expected]] = {"total_iters": COUNT, "power": NON_NEGATIVE}

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, interval, last_epoch)

    def factor_at(self, t: int) -> float:
        return (1.0 - min(t, self.total_iters) / self.total_iters) ** self.power


class CosineAnnealingLR(ClosedForm):
    r"""Lets the learning rate fall to a minimum on half a wave of the cosine; afterwards it climbs back.

    .. math::
        \gamma_t = \gamma_{\min} + (\gamma_0 - \gamma_{\min})\, \frac{1 + \cos(\pi t / T)}{2}

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        T_max: the number of steps to the minimum, T.
        eta_min: the minimum.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.

    Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    expected: ClassVar[dict[str, Expected]] = {"T_max": COUNT, "eta_min": NON_NEGATIVE}
    follows: ClassVar[bool] = True

    def __init__(
        self,
        optimizer: Optimizer,
        T_max: int,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, interval, last_epoch)

    def rate(self, base: float, t: int) -> float:
        return cosine(base, self.eta_min, t / self.T_max)

    def following(self, lr: float, i: int, t: int) -> float:
        if (t - 1) % (2 * self.T_max) == self.T_max:  # it was at the minimum, where no ratio leads on
            climb = (1 - math.cos(math.pi / self.T_max)) / 2
            return lr + (self.initial_lrs[i] - self.eta_min) * climb
        return self.eta_min + (lr - self.eta_min) * self.height(t) / self.height(t - 1)

    def height(self, t: int) -> float:
        """The share of the way from the minimum after t steps."""
        return cosine(1.0, 0.0, t / self.T_max)
