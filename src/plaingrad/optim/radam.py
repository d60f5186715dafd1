"""RAdam: Adam that waits until its mean square can be trusted."""

from __future__ import annotations

import math

from plaingrad.optim.common.decoupled import Decoupled
from plaingrad.optim.common.options import FLAG, FRACTIONS, NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Vector


class RAdam(Decoupled):
    r"""Adam whose steps are scaled down by the variance of its denominator, which is left out at first.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2,
            \qquad \hat m = \frac{m}{1 - \beta_1^t} \\
        \rho_\infty &= \frac{2}{1 - \beta_2} - 1, \qquad
            \rho_t = \rho_\infty - \frac{2\, t\, \beta_2^t}{1 - \beta_2^t} \\
        \theta &\leftarrow \theta - \gamma\, \hat m\, \frac{\sqrt{1 - \beta_2^t}}{\sqrt v + \epsilon}
            \sqrt{\frac{(\rho_t - 4)(\rho_t - 2)\, \rho_\infty}{(\rho_\infty - 4)(\rho_\infty - 2)\, \rho_t}}
            && \text{if } \rho_t > 5 \\
        \theta &\leftarrow \theta - \gamma\, \hat m && \text{else}

    Source: L. Liu, H. Jiang, P. He, W. Chen, X. Liu, J. Gao, J. Han, "On the variance of the adaptive
    learning rate and beyond", 2020.
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-3)
    betas: tuple[float, float] = option(
        "how much of the two running means is kept, β₁ and β₂", FRACTIONS, default=(0.9, 0.999)
    )
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-8)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    decoupled_weight_decay: bool = option(
        "whether to shrink the weights themselves and leave the gradient alone", FLAG, default=False
    )

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        t = state["step"] = state.get("step", 0) + 1
        m = accumulator(state, "exp_avg", value)
        v = accumulator(state, "exp_avg_sq", value)
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        lr = group["lr"] / (1 - beta1**t)
        length = 2 / (1 - beta2) - 1
        rho = length - 2 * t * beta2**t / (1 - beta2**t)
        if rho > 5:
            trust = (rho - 4) * (rho - 2) * length / ((length - 4) * (length - 2) * rho)
            value.addcdiv_(m, v.sqrt().add_(group["eps"]), value=-lr * math.sqrt((1 - beta2**t) * trust))
        else:
            value.add_(m, alpha=-lr)
