"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plaingrad.errors import InputError
from plaingrad.optim.common.options import FLAG, NON_NEGATIVE, NUMBER, option
from plaingrad.optim.common.segment import Group, State
from plaingrad.optim.optimizer import Optimizer, Vector


class SGD(Optimizer):
    r"""Walks down the gradient, on request with momentum.

    .. math::
        \theta &\leftarrow \theta - \gamma\, g && \text{plain} \\
        b &\leftarrow \mu\, b + (1 - \tau)\, g && \text{with momentum; at first } b \leftarrow g \\
        \theta &\leftarrow \theta - \gamma\, b \\
        \theta &\leftarrow \theta - \gamma\, (g + \mu\, b) && \text{instead, if nesterov}

    Source: H. Robbins, S. Monro, "A stochastic approximation method", 1951; B. Polyak, "Some methods of
    speeding up the convergence of iteration methods", 1964; I. Sutskever, J. Martens, G. Dahl, G. Hinton,
    "On the importance of initialization and momentum in deep learning", 2013.
    """

    lr: float = option("the step size γ", NON_NEGATIVE, default=1e-3)
    momentum: float = option("how much of the velocity b is kept, μ", NON_NEGATIVE, default=0)
    dampening: float = option("how much of the gradient does not enter the velocity, τ", NUMBER, default=0)
    weight_decay: float = option("the factor λ of the penalty on large weights", NON_NEGATIVE, default=0)
    nesterov: bool = option("whether to look ahead by one step of the velocity", FLAG, default=False)

    def check(self, where: str, group: Mapping[str, Any]) -> None:
        super().check(where, group)
        momentum, dampening = group["momentum"], group["dampening"]
        if group["nesterov"] and (momentum == 0 or dampening != 0):
            expected = "nesterov with a momentum above 0 and a dampening of 0"
            raise InputError(f"{where}: expected {expected}, got {momentum} and {dampening}")

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        momentum = group["momentum"]
        if momentum:
            velocity = state.get("momentum_buffer")
            if velocity is None:
                velocity = state["momentum_buffer"] = grad.clone()
            else:
                velocity.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
            grad = grad.add(velocity, alpha=momentum) if group["nesterov"] else velocity
        value.add_(grad, alpha=-group["lr"])
