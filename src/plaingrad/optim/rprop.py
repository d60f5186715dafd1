"""Rprop: steps by the sign of the gradient alone."""

from __future__ import annotations

from typing import Any

import torch

from plaingrad.optim.common.options import NON_NEGATIVE, Expected, is_number, option
from plaingrad.optim.common.segment import Group, State, accumulator
from plaingrad.optim.optimizer import Optimizer, Vector


def is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(map(is_number, value))


FACTORS = Expected(
    "two numbers, the first between 0 and 1 and the second above 1",
    lambda value: is_pair(value) and 0 < value[0] < 1 < value[1],
)
LIMITS = Expected(
    "two numbers of at least 0 in ascending order", lambda value: is_pair(value) and 0 <= value[0] <= value[1]
)


class Rprop(Optimizer):
    r"""Gives each number a step size of its own, which grows while its gradient keeps its sign.

    .. math::
        \eta &\leftarrow \begin{cases}
            \min(\eta_+\, \eta,\; \eta_{\max}) & g\, g' > 0 \\
            \max(\eta_-\, \eta,\; \eta_{\min}) & g\, g' < 0, \quad \text{and } g \leftarrow 0 \\
            \eta & \text{else}
        \end{cases} \qquad \text{from } \eta = \gamma \\
        \theta &\leftarrow \theta - \eta \operatorname{sign}(g), \qquad g' \leftarrow g

    where :math:`g'` is the gradient of the step before. It is meant for batches of all the data: between
    small batches signs change by chance.

    Source: M. Riedmiller, H. Braun, "A direct adaptive method for faster backpropagation learning: the RPROP
    algorithm", 1993.
    """

    lr: float = option("the first step size γ; later changes have no effect", NON_NEGATIVE, default=1e-2)
    etas: tuple[float, float] = option(
        "the factors on a step size, η₋ where a sign has changed and η₊ where it has not",
        FACTORS,
        default=(0.5, 1.2),
    )
    step_sizes: tuple[float, float] = option(
        "the smallest and the largest step size", LIMITS, default=(1e-6, 50)
    )

    def update(self, value: Vector, grad: Vector, state: State, group: Group) -> None:
        shrink, grow = group["etas"]
        before = accumulator(state, "prev", value)
        size = accumulator(state, "step_size", value, group["lr"])
        agreement = grad * before
        turned = agreement < 0
        size.copy_(torch.where(turned, shrink * size, torch.where(agreement > 0, grow * size, size)))
        size.clamp_(*group["step_sizes"])
        before.copy_(grad.masked_fill(turned, 0))
        value.addcmul_(before.sign(), size, value=-1)
