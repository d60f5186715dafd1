"""Adagrad: steps scaled by the sum of all squared gradients."""

from __future__ import annotations

from typing import Any, ClassVar

from plaingrad.optim.optimizer import Optimizer, Parameters, Vector, accumulator
from plaingrad.optim.options import NON_NEGATIVE, Expected


class Adagrad(Optimizer):
    r"""Divides the gradient by the root of the sum of its squares so far.

    .. math::
        s &\leftarrow s + g^2 && \text{from } s_0 = \text{initial\_accumulator\_value} \\
        \theta &\leftarrow \theta - \frac{\gamma}{1 + (t - 1)\,\eta} \cdot \frac{g}{\sqrt{s} + \epsilon}

    Args:
        params: the parameters, or dicts of parameters and options (see `Optimizer`).
        lr: the step size γ.
        lr_decay: how fast the step size falls, η.
        weight_decay: the factor λ of the penalty on large weights.
        initial_accumulator_value: what the sum starts with.
        eps: the number ε that keeps the denominator from 0.
        maximize: whether to walk up instead.
        clip_norm: the norm that the gradient keeps to; None leaves it alone.

    Raises:
        ValueError: there are no parameters, one is in two groups, or an option is unknown or out of range.

    Source: J. Duchi, E. Hazan, Y. Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    expected: ClassVar[dict[str, Expected]] = {
        **Optimizer.expected,
        "lr_decay": NON_NEGATIVE,
        "initial_accumulator_value": NON_NEGATIVE,
        "eps": NON_NEGATIVE,
    }

    def __init__(
        self,
        params: Parameters,
        lr: float = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(
            params,
            clip_norm=clip_norm,
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
            maximize=maximize,
        )

    def update(self, value: Vector, grad: Vector, state: dict[str, Any], group: dict[str, Any]) -> None:
        t = state["step"] = state.get("step", 0) + 1
        total = accumulator(state, "sum", value, group["initial_accumulator_value"])
        total.addcmul_(grad, grad)
        lr = group["lr"] / (1 + (t - 1) * group["lr_decay"])
        value.addcdiv_(grad, total.sqrt().add_(group["eps"]), value=-lr)
