"""Other shapes of the same numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


class Reshape(Module):
    r"""The same numbers in another shape.

    .. math::
        y_{i} = x_{\pi(i)}, \qquad
        \frac{\partial \ell}{\partial x_{\pi(i)}} = \frac{\partial \ell}{\partial y_i}

    where i and :math:`\pi(i)` count through both shapes in order.

    Shapes: any, to as many numbers in another shape.

    Args:
        sizes: the sizes of all axes, the batch included, of which one may be -1 for what is left. None if
            they come with the input, as further arguments of forward, one by one or in a tuple.

    Raises:
        ModuleError: the sizes do not fit.
    """

    def __init__(self, sizes: Sequence[int] | None = None) -> None:
        self.sizes = None if sizes is None else tuple(sizes)

    def forward(self, x: Tensor, *sizes: int | tuple[int, ...]) -> Tensor:
        y = x.reshape(together(sizes) if self.sizes is None else self.sizes)
        self.save((x.shape, len(sizes)), y)
        return y

    def backward(self, dy: Tensor) -> Tensor | tuple[Tensor | None, ...]:
        size, count = self.restore(dy)
        dx = dy.reshape(size)
        return (dx, *[None] * count) if count else dx


class Expand(Module):
    r"""A tensor spread along axes of size 1, or along new ones in front.

    .. math::
        y_{ij} = x_{j}, \qquad
        \frac{\partial \ell}{\partial x_j} = \sum_i \frac{\partial \ell}{\partial y_{ij}}

    Shapes: any that spreads over the sizes.

    Args:
        sizes: the sizes of all axes, -1 for one that is kept. None if they come with the input, as further
            arguments of forward, one by one or in a tuple.

    Raises:
        ModuleError: the sizes do not fit.
    """

    def __init__(self, sizes: Sequence[int] | None = None) -> None:
        self.sizes = None if sizes is None else tuple(sizes)

    def forward(self, x: Tensor, *sizes: int | tuple[int, ...]) -> Tensor:
        y = x.expand(together(sizes) if self.sizes is None else self.sizes)
        self.save((x.shape, len(sizes)), y)
        return y

    def backward(self, dy: Tensor) -> Tensor | tuple[Tensor | None, ...]:
        size, count = self.restore(dy)
        dx = dy.sum_to_size(size)
        return (dx, *[None] * count) if count else dx


class Permute(Module):
    r"""The axes in another order.

    .. math::
        y_{i_{\pi(1)} \dots i_{\pi(n)}} = x_{i_1 \dots i_n}, \qquad
        \frac{\partial \ell}{\partial x_{i_1 \dots i_n}}
            = \frac{\partial \ell}{\partial y_{i_{\pi(1)} \dots i_{\pi(n)}}}

    Shapes: any with so many axes.

    Args:
        dims: for each axis of the output, that of the input; negative ones count from the end.

    Raises:
        ModuleError: these are not the axes of the input, each once.
    """

    def __init__(self, dims: Sequence[int]) -> None:
        self.dims = tuple(dims)

    def forward(self, x: Tensor) -> Tensor:
        if sorted(dim % max(x.ndim, 1) for dim in self.dims) != list(range(x.ndim)):
            raise ModuleError(self, f"expected input with axes {self.dims}, got {shape(x)}")
        y = x.permute(self.dims)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        position = {dim % dy.ndim: at for at, dim in enumerate(self.dims)}
        return dy.permute([position[axis] for axis in range(dy.ndim)])


class Transpose(Module):
    r"""Two axes exchanged.

    .. math::
        y_{ji} = x_{ij}, \qquad
        \frac{\partial \ell}{\partial x_{ij}} = \frac{\partial \ell}{\partial y_{ji}}

    Shapes: any with these axes.

    Args:
        dim0: the one axis; negative ones count from the end.
        dim1: the other one.

    Raises:
        ModuleError: the input has no such axes.
    """

    def __init__(self, dim0: int, dim1: int) -> None:
        self.dim0 = dim0
        self.dim1 = dim1

    def forward(self, x: Tensor) -> Tensor:
        y = x.transpose(self.dim0, self.dim1)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy.transpose(self.dim0, self.dim1)


class Squeeze(Module):
    r"""Axes of size 1 left out.

    .. math::
        y_{j} = x_{1 j}, \qquad
        \frac{\partial \ell}{\partial x_{1 j}} = \frac{\partial \ell}{\partial y_{j}}

    Shapes: any; to the same without axes of size 1.

    Args:
        dim: the axis or axes, left as they are if of another size; None for all of size 1.

    Raises:
        ModuleError: the input has no such axis.
    """

    def __init__(self, dim: int | Sequence[int] | None = None) -> None:
        self.dim = (dim,) if isinstance(dim, int) else None if dim is None else tuple(dim)

    def forward(self, x: Tensor) -> Tensor:
        y = x.squeeze() if self.dim is None else x.squeeze(self.dim)
        self.save(x.shape, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(self.restore(dy))


class Unsqueeze(Module):
    r"""A new axis of size 1.

    .. math::
        y_{1 j} = x_{j}, \qquad
        \frac{\partial \ell}{\partial x_{j}} = \frac{\partial \ell}{\partial y_{1 j}}

    Shapes: any; to the same with one axis more.

    Args:
        dim: the axis; negative ones count from the end of the output.

    Raises:
        ModuleError: there is no room for such an axis.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        y = x.unsqueeze(self.dim)
        self.save(x.shape, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return dy.reshape(self.restore(dy))


class Size(Module):
    """The size of an axis, or of all, as numbers: for shapes of other modules in a `Graph`.

    Args:
        dim: the axis; None for all.

    Raises:
        ModuleError: the input has no such axis.
    """

    def __init__(self, dim: int | None = None) -> None:
        self.dim = dim

    def forward(self, x: Tensor) -> int | torch.Size:
        return x.shape if self.dim is None else x.shape[self.dim]


class Arange(Module):
    """The integers from 0, or from a start, up to an end: positions, for a `Graph`.

    Shapes: ``(end - start,)`` of torch.int64, on the device of the input, which is otherwise not looked at.
    """

    def forward(self, x: Tensor, *bounds: int) -> Tensor:
        y = torch.arange(*bounds, device=x.device)
        self.save(len(bounds), y)
        return y

    def backward(self, dy: None = None) -> tuple[None, ...]:
        return (None, *[None] * self.restore(dy))


def together(sizes: tuple[Any, ...]) -> Any:
    """The sizes that came one by one, or in one tuple."""
    return sizes[0] if len(sizes) == 1 and isinstance(sizes[0], tuple) else sizes
