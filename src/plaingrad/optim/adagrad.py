"""Adagrad: steps scaled by the sum of all squared gradients."""

from __future__ import annotations

from plaingrad.optim.common.options import NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


class Adagrad(Optimizer):
    r"""Divides the gradient by the root of the sum of its squares so far.

    .. math::
        s &\leftarrow s + g^2 && \text{from } s_0 = \text{initial\_accumulator\_value} \\
        \theta &\leftarrow \theta - \frac{\gamma}{1 + (t - 1)\,\eta} \cdot \frac{g}{\sqrt{s} + \epsilon}

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-2)
    lr_decay: float = option("how fast the step size falls, η", NON_NEGATIVE, default=0)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    initial_accumulator_value: float = option("what the sum starts with", NON_NEGATIVE, default=0)
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-10)

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        t = state["step"] = state.get("step", 0) + 1
        total = accumulator(state, "sum", value, group["initial_accumulator_value"])
        total.addcmul_(grad, grad)
        lr = group["lr"] / (1 + (t - 1) * group["lr_decay"])
        value.addcdiv_(grad, total.sqrt().add_(group["eps"]), value=-lr)
