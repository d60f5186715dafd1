"""Learning rates by functions of one's own: `LambdaLR` and `MultiplicativeLR`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from plaingrad.optim.common.options import Expected
from plaingrad.optim.optimizer import Optimizer
from plaingrad.optim.schedule.recursive import Recursive
from plaingrad.optim.schedule.schedule import ClosedForm, Interval

Factor = Callable[[int], float]
FUNCTION = Expected("a function of the number of steps", callable)


class LambdaLR(ClosedForm):
    r"""Multiplies the initial learning rate by a function of the number of steps.

    .. math::
        \gamma_t = \gamma_0\, f(t)

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        lr_lambda: the function f, one or a list of one for each parameter group. It is no part of the
            schedule's state.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the parameter
            groups' ``"initial_lr"``; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | list[Factor],
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer, interval, last_epoch)

    def start(self, rates: Sequence[float]) -> list[float]:
        self.lr_lambdas: list[Factor] = self.per_group("lr_lambda", self.lr_lambda, FUNCTION)
        return super().start(rates)

    def rates(self, t: int) -> list[float]:
        return [base * function(t) for base, function in zip(self.base_lrs, self.lr_lambdas)]


class MultiplicativeLR(Recursive):
    r"""Multiplies the learning rate, as it is, by a function of the number of steps.

    .. math::
        \gamma_t = \gamma_{t-1}\, f(t)

    Args:
        optimizer: the optimizer whose learning rates γ are changed.
        lr_lambda: the function f, one or a list of one for each parameter group. It is no part of the
            schedule's state.
        last_epoch: the number of the last step that was done, counted from 0, to go on from the current
            learning rates; -1 to begin.
        interval: whether a training loop is to call ``step()`` after every epoch or step.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        lr_lambda: Factor | list[Factor],
        last_epoch: int = -1,
        *,
        interval: Interval = "epoch",
    ) -> None:
        self.lr_lambda = lr_lambda
        super().__init__(optimizer, interval, last_epoch)

    def prepare(self) -> None:
        self.lr_lambdas: list[Factor] = self.per_group("lr_lambda", self.lr_lambda, FUNCTION)

    def following(self, lr: float, i: int, t: int) -> float:
        return lr * self.lr_lambdas[i](t)

    def first(self, lr: float, i: int) -> float:
        return lr
