"""A wrong backward of an operation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.tape import Backward, Operation


@dataclass(frozen=True)
class Change:
    """A wrong backward of an operation.

    Attributes:
        price: that of the name that it would give.
        kind: the kind of mistake.
        words: an explanation, with a slot for the operation.
        backward: the wrong backward.
    """

    price: float
    kind: str
    words: str
    backward: Backward


def edge(operation: Operation, k: int, scale: float | None = None) -> Backward:
    """The backward with one operand's gradient left out, or scaled."""

    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        own = op.backward(grads)
        grad = own[k] if k < len(own) else None
        if grad is not None:
            own[k] = None if not scale else scale * grad
        return own

    return backward


def fitted(grad: Tensor, shape: torch.Size) -> Tensor:
    """A gradient summed over the axes along which an operand of this shape was broadcast."""
    return grad.sum_to_size(shape) if grad.shape != shape else grad
