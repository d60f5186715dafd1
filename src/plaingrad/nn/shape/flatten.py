"""Flattening of axes."""

from __future__ import annotations

from jaxtyping import Shaped
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


class Flatten(Module):
    r"""Merges several axes into one, such as the features of an image for a `Linear`.

    .. math::
        y_{(ij)} = x_{ij}, \qquad
        \frac{\partial \ell}{\partial x_{ij}} = \frac{\partial \ell}{\partial y_{(ij)}}

    Shapes: ``(batch, *sizes)`` to ``(batch, product of sizes)``, as the arguments stand.

    Args:
        start_dim: the first axis to join; negative ones count from the end.
        end_dim: the last axis to join.

    Raises:
        ModuleError: the input has no such axes, or they stand in the wrong order.
    """

    def __init__(self, start_dim: int = 1, end_dim: int = -1) -> None:
        self.start_dim = start_dim
        self.end_dim = end_dim

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        axes = max(x.ndim, 1)  # a single number counts as one axis
        start, end = (dim + axes if dim < 0 else dim for dim in (self.start_dim, self.end_dim))
        if not 0 <= start <= end < axes:
            expected = f"input with axes {self.start_dim} to {self.end_dim}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        y = x.flatten(start, end)
        self.save(x.shape, y)
        return y

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        return dy.reshape(self.restore(dy))
