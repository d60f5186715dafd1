"""A learning rate that goes up and down again and again: `CyclicLR`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal

from plaingrad.optim.common.options import FLAG, NON_NEGATIVE, NUMBER, POSITIVE, Expected, expect, one_of
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.momentum import Cycled
from plaingrad.optim.schedule.schedule import Interval

MODES = one_of("triangular", "triangular2", "exp_range")
LENGTH_OR_NONE = Expected(
    f"{NON_NEGATIVE.words} or None", lambda value: value is None or NON_NEGATIVE.fits(value)
)
FUNCTION_OR_NONE = Expected("a function or None", lambda value: value is None or callable(value))


class CyclicLR(Cycled):
    r"""Moves the learning rate between two bounds on a triangle's wave; the momentum moves inversely.

    .. math::
        h_t &= \begin{cases} p / u & p \le u \\ (u + d - p) / d & \text{else} \end{cases}, \qquad
            p = t \bmod (u + d) \\
        \gamma_t &= \gamma_{\min} + (\gamma_{\max} - \gamma_{\min})\, h_t\, s, \qquad
            \mu_t = \mu_{\max} - (\mu_{\max} - \mu_{\min})\, h_t\, s

    The height s of the wave is 1 in mode "triangular", :math:`2^{1 - k}` in cycle number k in mode
    "triangular2", and :math:`g^t` in mode "exp_range".

    Args:
        optimizer: the optimizer whose learning rates γ and momenta μ (or β₁) are changed.
        base_lr: the least learning rate, one or a list of one for each parameter group.
        max_lr: the greatest, likewise.
        step_size_up: the number u of steps up.
        step_size_down: the number d of steps down; None for as many.
        mode: the height s.
        gamma: the number g.
        scale_fn: s as a function instead; ``mode`` then does not count.
        scale_mode: whether it is a function of the number k of the cycle, counted from 1 (``"cycle"``), or of
            the step t (``"iterations"``).
        cycle_momentum: whether to change the momentum too.
        base_momentum: the least momentum, one or a list of one for each parameter group.
        max_momentum: the greatest, likewise.
        last_epoch: the number of the last step that was done, counted from 0, to go on after it; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        InputError: an argument is out of range, or the optimizer has no momentum to cycle.

    Source: L. Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "step_size_up": POSITIVE,
        "step_size_down": LENGTH_OR_NONE,
        "gamma": NUMBER,
        "scale_fn": FUNCTION_OR_NONE,
        "scale_mode": one_of("cycle", "iterations"),
        "cycle_momentum": FLAG,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: Literal["triangular", "triangular2", "exp_range"] = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: Literal["cycle", "iterations"] = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.8,
        max_momentum: float | list[float] = 0.9,
        last_epoch: int = -1,
        *,
        interval: Interval = "step",
    ) -> None:
        self.base_lr = base_lr
        self.max_lr = max_lr
        self.step_size_up = step_size_up
        self.step_size_down = step_size_down
        self.mode = mode
        self.gamma = gamma
        self.scale_fn = scale_fn
        self.scale_mode = scale_mode
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        super().__init__(optimizer, interval, last_epoch)

    def record(self, last_epoch: int) -> None:
        if self.scale_fn is None:
            expect("CyclicLR", "mode", MODES, self.mode)
        self.max_lrs = self.per_group("max_lr", self.max_lr, NON_NEGATIVE)
        lowest = self.per_group("base_lr", self.base_lr, NON_NEGATIVE)
        if last_epoch == -1:
            for group, lr in zip(self.optimizer.param_groups, lowest):
                group.setdefault("initial_lr", lr)
        super().record(last_epoch)

    def start(self, rates: Sequence[float]) -> list[float]:
        super().start(rates)
        return self.per_group("base_lr", self.base_lr, NON_NEGATIVE)

    def rates(self, t: int) -> list[float]:
        height = self.wave(t)
        return [low + (high - low) * height for low, high in zip(self.base_lrs, self.max_lrs)]

    def height(self, t: int) -> float:
        return 1 - self.wave(t)

    def wave(self, t: int) -> float:
        """The product h s after t steps."""
        up = self.step_size_up
        down = up if self.step_size_down is None else self.step_size_down
        position = math.fmod(t, up + down)
        triangle = position / up if position <= up else (up + down - position) / down
        return triangle * self.scale(t // (up + down) + 1, t)

    def scale(self, cycle: float, t: int) -> float:
        """The height s of the wave in this cycle, counted from 1, after t steps."""
        if self.scale_fn is not None:
            return self.scale_fn(cycle if self.scale_mode == "cycle" else t)
        if self.mode == "exp_range":
            return self.gamma**t
        return 2.0 ** (1 - cycle) if self.mode == "triangular2" else 1.0
