"""RMSprop: steps scaled by a running mean square of the gradient."""

from __future__ import annotations

from plaingrad.optim.common.options import FLAG, NON_NEGATIVE, SHARE, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


class RMSprop(Optimizer):
    r"""Divides the gradient by the root of its running mean square.

    .. math::
        s &\leftarrow \alpha s + (1 - \alpha)\, g^2 \\
        \bar g &\leftarrow \alpha \bar g + (1 - \alpha)\, g, \qquad s' = s - \bar g^2
            && \text{if centered, else } s' = s \\
        \theta &\leftarrow \theta - \gamma\, \frac{g}{\sqrt{s'} + \epsilon} \\
        b &\leftarrow \mu\, b + \frac{g}{\sqrt{s'} + \epsilon}, \qquad \theta \leftarrow \theta - \gamma\, b
            && \text{instead, with momentum}

    Source: T. Tieleman, G. Hinton, "Neural networks for machine learning, lecture 6.5", 2012; A. Graves,
    "Generating sequences with recurrent neural networks", 2013 (centered).
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-2)
    alpha: float = option("how much of the running means is kept, α", SHARE, default=0.99)
    eps: float = option("the number ε that keeps the denominator from 0", NON_NEGATIVE, default=1e-8)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    momentum: float = option("how much of the velocity b is kept, μ", NON_NEGATIVE, default=0)
    centered: bool = option(
        "whether to divide by the standard deviation rather than the root mean square", FLAG, default=False
    )

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        alpha, lr = group["alpha"], group["lr"]
        square = accumulator(state, "square_avg", value)
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        if group["centered"]:
            mean = accumulator(state, "grad_avg", value).lerp_(grad, 1 - alpha)
            square = square.addcmul(mean, mean, value=-1).clamp_(min=0)  # rounding can take it below 0
        denominator = square.sqrt().add_(group["eps"])
        if group["momentum"]:
            velocity = accumulator(state, "momentum_buffer", value)
            velocity.mul_(group["momentum"]).addcdiv_(grad, denominator)
            value.add_(velocity, alpha=-lr)
        else:
            value.addcdiv_(grad, denominator, value=-lr)
