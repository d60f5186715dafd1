"""Weight decay that does not pass through the gradient."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from plaingrad.optim.common.segment import Group
from plaingrad.optim.optimizer import Optimizer, Vector


class Decoupled(Optimizer):
    r"""A rule whose weight decay shrinks the weights themselves and leaves the gradient alone.

    .. math::
        \theta \leftarrow (1 - \gamma \lambda)\, \theta

    A rule with an option ``decoupled_weight_decay`` does so where that is True, and otherwise adds
    :math:`\lambda \theta` to the gradient as others do.

    Source: I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", 2019.
    """

    def penalty_factor(self, group: Mapping[str, Any]) -> float:
        return 0.0 if group.get("decoupled_weight_decay", True) else super().penalty_factor(group)

    def decay(self, value: Vector, grad: Vector, group: Group) -> Vector:
        if not group.get("decoupled_weight_decay", True):
            return super().decay(value, grad, group)
        value.mul_(1 - group["lr"] * group["weight_decay"])
        return grad
