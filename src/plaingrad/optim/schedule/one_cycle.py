"""A learning rate that rises once and falls once: `OneCycleLR`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

from plaingrad.errors import InputError
from plaingrad.optim.common.options import COUNT, FLAG, POSITIVE, SHARE, Expected, one_of
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.annealing import cosine, linear
from plaingrad.optim.schedule.momentum import Cycled
from plaingrad.optim.schedule.schedule import Interval


class Phase(NamedTuple):
    """A phase of the cycle.

    Attributes:
        end: the step at which it ends.
        lr: the learning rate at its start and end, in units of the greatest.
        momentum: the momentum at its start and end, 0 for the least and 1 for the greatest.
    """

    end: float
    lr: tuple[float, float]
    momentum: tuple[float, float]


class OneCycleLR(Cycled):
    r"""Raises the learning rate to a maximum and lowers it to almost 0; the momentum moves inversely.

    .. math::
        \gamma &: \gamma_{\max} / d \longrightarrow \gamma_{\max} \longrightarrow \gamma_{\max} / (d f) \\
        \mu &: \mu_{\max} \longrightarrow \mu_{\min} \longrightarrow \mu_{\max}

    Each arrow is a phase, passed on a cosine or a line; the first ends at step p n - 1, the second at step
    n - 1. With three phases the second one mirrors the first, and the third takes the learning rate from
    where the first began to its end.

    Args:
        optimizer: the optimizer whose learning rates γ and momenta μ (or β₁) are changed.
        max_lr: the greatest learning rate, one or a list of one for each parameter group.
        total_steps: the number of steps in the cycle, n.
        epochs: instead, together with ``steps_per_epoch``: n is their product.
        steps_per_epoch: see ``epochs``.
        pct_start: the share p of the cycle spent climbing.
        anneal_strategy: the shape of a phase, ``"cos"`` or ``"linear"``.
        cycle_momentum: whether to change the momentum too.
        base_momentum: the least momentum, one or a list of one for each parameter group.
        max_momentum: the greatest, likewise.
        div_factor: the greatest learning rate over the first, d.
        final_div_factor: the first learning rate over the last, f.
        three_phase: whether to have three phases rather than two.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        InputError: an argument is out of range, the length is not given, the optimizer has no momentum to
            cycle, or ``step()`` is called more than n times.

    Source: L. Smith, N. Topin, "Super-convergence: very fast training of neural networks using large
    learning rates", 2018.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "total_steps": Expected(f"{COUNT.words}, or given as epochs and steps_per_epoch", COUNT.fits),
        "pct_start": SHARE,
        "anneal_strategy": one_of("cos", "linear"),
        "cycle_momentum": FLAG,
        "div_factor": POSITIVE,
        "final_div_factor": POSITIVE,
        "three_phase": FLAG,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
        *,
        interval: Interval = "step",
    ) -> None:
        if total_steps is None:
            total_steps = (epochs or 0) * (steps_per_epoch or 0)
        self.total_steps = total_steps
        self.max_lr = max_lr
        self.pct_start = pct_start
        self.anneal_strategy = anneal_strategy
        self.cycle_momentum = cycle_momentum
        self.base_momentum = base_momentum
        self.max_momentum = max_momentum
        self.div_factor = div_factor
        self.final_div_factor = final_div_factor
        self.three_phase = three_phase
        super().__init__(optimizer, interval, last_epoch)

    def record(self, last_epoch: int) -> None:
        super().record(last_epoch)
        if last_epoch == -1:
            for group, highest in zip(self.optimizer.param_groups, self.highest()):
                group["initial_lr"] = highest / self.div_factor

    def highest(self) -> list[float]:
        """The greatest learning rate of each parameter group."""
        return self.per_group("max_lr", self.max_lr, POSITIVE)

    def start(self, rates: Sequence[float]) -> list[float]:
        climb, end = self.pct_start * self.total_steps, self.total_steps - 1
        first = 1 / self.div_factor
        last = first / self.final_div_factor
        if self.three_phase:
            self.phases = [
                Phase(climb - 1, (first, 1), (1, 0)),
                Phase(2 * climb - 2, (1, first), (0, 1)),
                Phase(end, (first, last), (1, 1)),
            ]
        else:
            self.phases = [Phase(climb - 1, (first, 1), (1, 0)), Phase(end, (1, last), (0, 1))]
        super().start(rates)
        return self.highest()

    def rate(self, base: float, t: int) -> float:
        phase, share = self.position(t)
        return base * self.between(phase.lr, share)

    def height(self, t: int) -> float:
        phase, share = self.position(t)
        return self.between(phase.momentum, share)

    def step(self) -> None:
        if self.last_epoch == self.total_steps:
            raise InputError(f"OneCycleLR: expected at most {self.total_steps} steps, got another one")
        super().step()

    @property
    def steps_left(self) -> float:
        return self.total_steps - self.last_epoch

    def position(self, t: int) -> tuple[Phase, float]:
        """The phase of step t, and the share of it that has passed."""
        begin = 0.0
        for phase in self.phases[:-1]:
            if t <= phase.end:
                break
            begin = phase.end
        else:
            phase = self.phases[-1]
        length = phase.end - begin
        return phase, (t - begin) / length if length else 1.0

    def between(self, ends: tuple[float, float], share: float) -> float:
        """The interpolation between the ends of a phase, at this share of the way."""
        return cosine(*ends, share) if self.anneal_strategy == "cos" else linear(*ends, share)
