"""A learning rate for the averaging of weights: `SWALR`."""

from __future__ import annotations

from typing import ClassVar, Literal

from plaingrad.optim.common.options import COUNT_OR_ZERO, NON_NEGATIVE, Expected, one_of
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.annealing import cosine, linear
from plaingrad.optim.schedule.recursive import Recursive
from plaingrad.optim.schedule.schedule import Interval


class SWALR(Recursive):
    r"""Moves the learning rate, from where it is, to a constant at which weights are averaged.

    .. math::
        \gamma_t = (1 - a_t)\, \gamma_0 + a_t\, \gamma_{\text{swa}}, \qquad
            a_t = s \;\text{ or }\; \frac{1 - \cos(\pi s)}{2}, \qquad s = \min(1, t / n)

    where :math:`\gamma_0` is found from :math:`\gamma_{t-1}`, so that another schedule may have changed the
    learning rate until the first step.

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        swa_lr: the constant, one or a list of one for each parameter group.
        anneal_epochs: the number of steps to it, n.
        anneal_strategy: whether a follows a cosine (``"cos"``) or is s itself (``"linear"``).
        last_epoch: the number of the last step that was done, counted from 0, to go on from the current
            learning rates; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.

    Source: P. Izmailov, D. Podoprikhin, T. Garipov, D. Vetrov, A. Wilson, "Averaging weights leads to wider
    optima and better generalization", 2018.
    """

    expected: ClassVar[dict[str, Expected]] = {
        "anneal_epochs": COUNT_OR_ZERO,
        "anneal_strategy": one_of("cos", "linear"),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.swa_lr = swa_lr
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, interval, last_epoch)

    def prepare(self) -> None:
        self.swa_lrs = self.per_group("swa_lr", self.swa_lr, NON_NEGATIVE)

    def share(self, t: int) -> float:
        """The share a of the constant after t steps."""
        s = min(1.0, t / max(1, self.anneal_epochs))
        return (cosine if self.anneal_strategy == "cos" else linear)(0.0, 1.0, s)

    def following(self, lr: float, i: int, t: int) -> float:
        last = self.swa_lrs[i]
        if t == 0 and self.anneal_epochs:
            return lr
        before, now = self.share(max(0, t - 1)), self.share(max(1, t))
        start = last if before == 1 else (lr - before * last) / (1 - before)
        return last * now + start * (1 - now)
