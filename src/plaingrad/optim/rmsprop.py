"""RMSprop: steps scaled by a running mean square of the gradient."""

from __future__ import annotations

from typing import Any, ClassVar

from plaingrad.optim.optimizer import Optimizer, Parameters, Vector, accumulator
from plaingrad.optim.options import FLAG, NON_NEGATIVE, SHARE, Expected


class RMSprop(Optimizer):
    r"""Divides the gradient by the root of its running mean square.

    .. math::
        s &\leftarrow \alpha s + (1 - \alpha)\, g^2 \\
        \bar g &\leftarrow \alpha \bar g + (1 - \alpha)\, g, \qquad s' = s - \bar g^2
            && \text{if centered, else } s' = s \\
        \theta &\leftarrow \theta - \gamma\, \frac{g}{\sqrt{s'} + \epsilon} \\
        b &\leftarrow \mu\, b + \frac{g}{\sqrt{s'} + \epsilon}, \qquad \theta \leftarrow \theta - \gamma\, b
            && \text{instead, with momentum}

    Args:
        params: the parameters, or dicts of parameters and options (see `Optimizer`).
        lr: the step size γ.
        alpha: how much of the running means is kept, α.
        eps: the number ε that keeps the denominator from 0.
        weight_decay: the factor λ of the penalty on large weights.
        momentum: how much of the velocity b is kept, μ.
        centered: whether to divide by the standard deviation rather than the root mean square.
        maximize: whether to walk up instead.
        clip_norm: the norm that the gradient keeps to; None leaves it alone.

    Raises:
        ValueError: there are no parameters, one is in two groups, or an option is unknown or out of range.

    Source: T. Tieleman, G. Hinton, "Neural networks for machine learning, lecture 6.5", 2012; A. Graves,
    "Generating sequences with recurrent neural networks", 2013 (centered).
    """

    expected: ClassVar[dict[str, Expected]] = {
        **Optimizer.expected,
        "alpha": SHARE,
        "eps": NON_NEGATIVE,
        "momentum": NON_NEGATIVE,
        "centered": FLAG,
    }

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        *,
        maximize: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(
            params,
            clip_norm=clip_norm,
            lr=lr,
            alpha=alpha,
            eps=eps,
            weight_decay=weight_decay,
            momentum=momentum,
            centered=centered,
            maximize=maximize,
        )

    def update(self, value: Vector, grad: Vector, state: dict[str, Any], group: dict[str, Any]) -> None:
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
