"""Adamax: steps scaled by the largest of the latest gradients."""

from __future__ import annotations

import torch

from plaingrad.optim.common.options import FRACTIONS, NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


class Adamax(Optimizer):
    r"""Divides the mean of the gradient by its largest absolute value, older ones counting for less.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad
            u \leftarrow \max(\beta_2 u,\; \lvert g \rvert + \epsilon) \\
        \theta &\leftarrow \theta - \frac{\gamma}{1 - \beta_1^t} \cdot \frac{m}{u}

    Source: D. Kingma, J. Ba, "Adam: a method for stochastic optimization", 2015.
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=2e-3)
    betas: tuple[float, float] = option(
        "how much of the running mean and of the running maximum is kept, β₁ and β₂",
        FRACTIONS,
        default=(0.9, 0.999),
    )
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-8)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        t = state["step"] = state.get("step", 0) + 1
        m = accumulator(state, "exp_avg", value)
        u = accumulator(state, "exp_inf", value)
        m.lerp_(grad, 1 - beta1)
        torch.maximum(u.mul_(beta2), grad.abs().add_(group["eps"]), out=u)
        value.addcdiv_(m, u, value=-group["lr"] / (1 - beta1**t))
