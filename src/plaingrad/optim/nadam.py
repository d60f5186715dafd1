"""NAdam: Adam that looks ahead by a step of its momentum."""

from __future__ import annotations

from plaingrad.optim.common.decoupled import Decoupled
from plaingrad.optim.common.options import FLAG, FRACTIONS, NON_NEGATIVE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Vector


class NAdam(Decoupled):
    r"""Adam with Nesterov's momentum, which rises from half of β₁ to β₁.

    .. math::
        m &\leftarrow \beta_1 m + (1 - \beta_1)\, g, \qquad v \leftarrow \beta_2 v + (1 - \beta_2)\, g^2,
            \qquad \hat v = \frac{v}{1 - \beta_2^t} \\
        \mu_t &= \beta_1 \big(1 - \tfrac 1 2\, 0.96^{t \psi}\big), \qquad
            M_t = \prod_{i=1}^{t} \mu_i \\
        \theta &\leftarrow \theta - \frac{\gamma}{\sqrt{\hat v} + \epsilon}
            \Big( \frac{1 - \mu_t}{1 - M_t}\, g + \frac{\mu_{t+1}}{1 - M_{t+1}}\, m \Big)

    Source: T. Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=2e-3)
    betas: tuple[float, float] = option(
        "how much of the two running means is kept, β₁ and β₂", FRACTIONS, default=(0.9, 0.999)
    )
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-8)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    momentum_decay: float = option("how fast the momentum rises to β₁, ψ", NON_NEGATIVE, default=4e-3)
    decoupled_weight_decay: bool = option(
        "whether to shrink the weights themselves and leave the gradient alone", FLAG, default=False
    )

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        beta1, beta2 = group["betas"]
        lr, psi = group["lr"], group["momentum_decay"]
        t = state["step"] = state.get("step", 0) + 1
        mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (i * psi)) for i in (t, t + 1))
        product = state["mu_product"] = state.get("mu_product", 1.0) * mu
        m = accumulator(state, "exp_avg", value)
        v = accumulator(state, "exp_avg_sq", value)
        m.lerp_(grad, 1 - beta1)
        v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        denominator = v.div(1 - beta2**t).sqrt_().add_(group["eps"])
        value.addcdiv_(grad, denominator, value=-lr * (1 - mu) / (1 - product))
        value.addcdiv_(m, denominator, value=-lr * mu_next / (1 - product * mu_next))
