"""Unflattening of an axis."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Shaped
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


class Unflatten(Module):
    r"""Splits one axis into several, such as the features of a `Linear` into channels, rows and columns.

    .. math::
        y_{ij} = x_{(ij)}, \qquad
        \frac{\partial \ell}{\partial x_{(ij)}} = \frac{\partial \ell}{\partial y_{ij}}

    Shapes: ``(batch, product of sizes)`` to ``(batch, *sizes)``, as the arguments stand.

    Args:
        dim: the axis; negative ones count from the end.
        unflattened_size: the sizes of the new axes, of which one may be -1 for what is left.

    Raises:
        ModuleError: there are no sizes, or the input has no such axis or cannot be split so.
    """

    def __init__(self, dim: int, unflattened_size: Sequence[int]) -> None:
        if not len(unflattened_size):
            raise ModuleError(self, "expected an unflattened_size of at least one axis, got ()")
        self.dim = dim
        self.unflattened_size = tuple(unflattened_size)

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        try:
            y = x.unflatten(self.dim, self.unflattened_size)
        except (IndexError, RuntimeError):
            expected = f"input with an axis {self.dim} of {' x '.join(map(str, self.unflattened_size))}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}") from None
        self.save(x.shape, y)
        return y

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        return dy.reshape(self.restore(dy))
