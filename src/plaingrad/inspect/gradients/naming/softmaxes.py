"""Wrong gradients of softmax and of its logarithm, whatever the steps in which forward computes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming.change import Change
from plaingrad.inspect.gradients.naming.tape import Backward, Operation

Formula = Callable[[Tensor, Tensor, int], Tensor]
"""The gradient of the input from that of the output, the output, and the axis."""

BOTH: dict[Callable[[Tensor, int], Tensor], Formula] = {
    torch.softmax: lambda g, y, axis: y * (g - (g * y).sum(axis, keepdim=True)),
    torch.log_softmax: lambda g, y, axis: g - torch.exp(y) * g.sum(axis, keepdim=True),
}


def of_softmax(operation: Operation) -> Iterator[Change]:
    """The gradient of a softmax along another axis than forward's."""
    x, y = operation.inputs[0].detach(), operation.outputs[0].detach()
    for function, formula in BOTH.items():
        for axis in range(x.ndim):
            if not torch.allclose(function(x, axis), y, equal_nan=True):
                continue
            for other in range(x.ndim):
                if other != axis:
                    words = (
                        f"the sum in the derivative of {{}} runs along axis {other}; it should be axis {axis}"
                    )
                    yield Change(1.15, "wrong-axis", words, _along(formula, other))


def _along(formula: Formula, axis: int) -> Backward:
    def backward(op: Operation, grads: list[Tensor | None]) -> list[Tensor | None]:
        (g,) = grads
        return [None if g is None else formula(g, op.outputs[0].detach(), axis)]

    return backward
