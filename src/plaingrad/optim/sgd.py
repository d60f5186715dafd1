"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from plaingrad.optim.optimizer import Optimizer, Parameters, Vector
from plaingrad.optim.options import FLAG, NON_NEGATIVE, NUMBER, Expected


class SGD(Optimizer):
    r"""Walks down the gradient, on request with momentum.

    .. math::
        \theta &\leftarrow \theta - \gamma\, g && \text{plain} \\
        b &\leftarrow \mu\, b + (1 - \tau)\, g && \text{with momentum; at first } b \leftarrow g \\
        \theta &\leftarrow \theta - \gamma\, b \\
        \theta &\leftarrow \theta - \gamma\, (g + \mu\, b) && \text{instead, if nesterov}

    Args:
        params: the parameters, or dicts of parameters and options (see `Optimizer`).
        lr: the step size γ.
        momentum: how much of the velocity b is kept, μ.
        dampening: how much of the gradient does not enter the velocity, τ.
        weight_decay: the factor λ of the penalty on large weights.
        nesterov: whether to look ahead by one step of the velocity.
        maximize: whether to walk up instead.
        clip_norm: the norm that the gradient keeps to; None leaves it alone.

    Raises:
        ValueError: there are no parameters, one is in two groups, an option is unknown or out of range, or
            nesterov has no momentum or a dampening.

    Source: H. Robbins, S. Monro, "A stochastic approximation method", 1951; B. Polyak, "Some methods of
    speeding up the convergence of iteration methods", 1964; I. Sutskever, J. Martens, G. Dahl, G. Hinton,
    "On the importance of initialization and momentum in deep learning", 2013.
    """

    expected: ClassVar[dict[str, Expected]] = {
        **Optimizer.expected,
        "momentum": NON_NEGATIVE,
        "dampening": NUMBER,
        "nesterov": FLAG,
    }

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(
            params,
            clip_norm=clip_norm,
            lr=lr,
            momentum=momentum,
            dampening=dampening,
            weight_decay=weight_decay,
            nesterov=nesterov,
            maximize=maximize,
        )

    def check(self, where: str, group: Mapping[str, Any]) -> None:
        super().check(where, group)
        momentum, dampening = group["momentum"], group["dampening"]
        if group["nesterov"] and (momentum == 0 or dampening != 0):
            expected = "nesterov with a momentum above 0 and a dampening of 0"
            raise ValueError(f"{where}: expected {expected}, got {momentum} and {dampening}")

    def update(self, value: Vector, grad: Vector, state: dict[str, Any], group: dict[str, Any]) -> None:
        momentum = group["momentum"]
        if momentum:
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = grad.clone()
            else:
                velocity.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(velocity, alpha=momentum) if group["nesterov"] else velocity
        value.add_(grad, alpha=-group["lr"])
