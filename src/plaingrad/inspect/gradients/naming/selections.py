"""Wrong gradients of operations that choose between tensors, or mask one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change, fitted
from plaingrad.inspect.gradients.naming.tape import Backward, Operation

SELECTIONS = ("where", "masked_fill", "tril", "triu")


def of_selection(operation: Operation) -> Iterator[Change]:
    """The mask left out: an operand gets the gradient everywhere, and the other as before or none."""
    for k in range(len(operation.inputs)):
        words = "the mask of {} is left out: the gradient goes on where another value was chosen, too"
        yield Change(0.97, "missing-factor", words, _everywhere(k, alone=False))
        if len(operation.inputs) > 1:
            words = "the mask of {} is left out: one of its branches has the gradient everywhere"
            yield Change(1.01, "missing-factor", words, _everywhere(k, alone=True))


def _everywhere(k: int, alone: bool) -> Backward:
    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        own: list[Tensor | None] = [None] * len(op.inputs) if alone else op.backward(grads)
        own[k] = None if grads[0] is None else fitted(grads[0], op.inputs[k].shape)
        return own

    return backward
