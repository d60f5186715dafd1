"""A learning rate that falls and starts anew: `CosineAnnealingWarmRestarts`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from plaingrad.optim.common.options import COUNT, NON_NEGATIVE, Expected, expect
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.annealing import cosine
from plaingrad.optim.schedule.schedule import ClosedForm, Interval


class CosineAnnealingWarmRestarts(ClosedForm):
    r"""Lets the learning rate fall to a minimum on half a wave of the cosine, and starts over, ever slower.

    .. math::
        \gamma = \gamma_{\min} + (\gamma_0 - \gamma_{\min})\, \frac{1 + \cos(\pi\, T_{cur} / T_i)}{2}

    where :math:`T_{cur}` is the number of steps since the last start and :math:`T_i` the length of this
    round: :math:`T_0` at first, and each time :math:`T_{mult}` times as long.

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        T_0: the length of the first round.
        T_mult: the factor on the length from one round to the next.
        eta_min: the minimum.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Attributes:
        T_cur: the number of steps since the last start.
        T_i: the length of this round.

    Raises:
        ValueError: an argument is out of range.

    Source: I. Loshchilov, F. Hutter, "SGDR: stochastic gradient descent with warm restarts", 2017.
    """

    expected: ClassVar[dict[str, Expected]] = {"T_0": COUNT, "T_mult": COUNT, "eta_min": NON_NEGATIVE}
    saved: ClassVar[tuple[str, ...]] = (*ClosedForm.saved, "T_cur", "T_i")

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.T_0 = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        super().__init__(optimizer, interval, last_epoch)

    def start(self, rates: Sequence[float]) -> list[float]:
        self.locate(self.last_epoch)
        return super().start(rates)

    def rate(self, base: float, t: int) -> float:
        return cosine(base, self.eta_min, self.T_cur / self.T_i)

    def step(self, epoch: float | None = None) -> None:
        """Advance to the next learning rate, or to that of a time.

        Args:
            epoch: the number of steps since the beginning, which may have a fraction.

        Raises:
            InputError: it is negative.
        """
        if epoch is None:
            self.last_epoch += 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur -= self.T_i
                self.T_i *= self.T_mult
        else:
            expect(type(self).__name__, "epoch", NON_NEGATIVE, epoch)
            self.last_epoch = math.floor(epoch)
            self.locate(epoch)
        self.apply()

    def locate(self, t: float) -> None:
        """Set the round, and the position in it, after t steps."""
        self.T_i = self.T_0
        if self.T_mult == 1:
            self.T_cur = t % self.T_0
            return
        self.T_cur = t
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
