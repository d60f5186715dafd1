"""Pooling by the maximum of each window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.window import sizes
from plaingrad.nn.pooling.reach import PlaneReach, Reach
from plaingrad.parameter import shape

Pooled = Float[Tensor, "*count"] | tuple[Float[Tensor, "*count"], Int[Tensor, "*count"]]


class Maximum(Module):
    r"""Takes the largest element of each window: the base class of maximum pooling.

    .. math::
        y_l = x_{k(l)}, \qquad
        \frac{\partial \ell}{\partial x_{k(l)}} \mathrel{+}= \frac{\partial \ell}{\partial y_l}, \qquad
        k(l) = \operatorname*{arg\,max}_{k \,\in\, \text{window}(l)} x_k

    Of equal values the first one counts, of NaNs, which are larger than everything, the last. The maximum is
    taken along one axis after the other, the last axis first.
    """

    axes: ClassVar[tuple[str, ...]]
    needs_channels: ClassVar[bool] = True
    return_indices: bool

    def reaches(self, x: Tensor) -> Sequence[Reach | PlaneReach]:
        """The windows along each axis."""
        raise NotImplementedError

    def forward(self, x: Float[Tensor, "*size"]) -> Pooled:
        expect_pooled(self, x, self.axes, self.needs_channels)
        y, indices = x, torch.arange(x.shape[-len(self.axes) :].numel(), device=x.device)
        indices = indices.view(x.shape[-len(self.axes) :])
        for axis, reach in reversed(list(zip(range(-len(self.axes), 0), self.reaches(x)))):
            y, indices = _largest(reach.covers(self, x), y, indices, axis)
        indices = indices.expand(y.shape)
        outputs = (y, indices) if self.return_indices else y
        self.save((x.shape, indices), outputs)
        return outputs

    def backward(self, dy: Float[Tensor, "*count"], dindices: Tensor | None = None) -> Float[Tensor, "*size"]:
        size, indices = self.restore(dy, dindices) if self.return_indices else self.restore(dy)
        exact, axes = widen(dy), len(self.axes)
        dx = exact.new_zeros(size).flatten(-axes)
        dx.scatter_add_(-1, indices.flatten(-axes), exact.flatten(-axes))
        return narrow(dx.view(size), dy.dtype)


def _largest(reach: Reach | PlaneReach, x: Tensor, indices: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """The largest element of each window along an axis, and its index."""
    elements = zip(reach.elements(x, axis), reach.elements(indices, axis))
    (y, _), (chosen, _) = next(elements)
    for (element, _), (index, _) in elements:
        is_larger = (element > y) | element.isnan()
        y, chosen = torch.where(is_larger, element, y), torch.where(is_larger, index, chosen)
    return y, chosen


def expect_pooled(module: Module, x: Tensor, axes: tuple[str, ...], channels: bool = True) -> None:
    """Refuse an input of another shape, of complex numbers, or with an axis of size 0 other than the batch.

    Args:
        module: the module that pools.
        x: its input.
        axes: the names of the axes along which it pools.
        channels: whether there have to be channels.
    """
    if x.ndim - len(axes) not in (1, 2):
        names = ", ".join(axes)
        expected = f"input (batch, channels, {names}) or (channels, {names})"
        raise ModuleError(module, f"expected {expected}, got {shape(x)}")
    if x.is_complex():
        raise ModuleError(module, f"expected input of real numbers, got {shape(x)} of {x.dtype}")
    if 0 in x.shape[-len(axes) - channels :]:
        raise ModuleError(module, f"expected input of at least one window, got {shape(x)}")


class MaxPool(Maximum):
    """Maximum pooling by windows that slide: the base class of `MaxPool1d`, `MaxPool2d` and `MaxPool3d`.

    Equations: those of `Maximum`.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *new size)`` with
    ``new = (old + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1``, rounded as ``ceil_mode``
    says, and one or no batch axis.

    Args:
        kernel_size: the window's size along each axis, or one number for all, as all that follow.
        stride: steps from one window to the next; the kernel size if None.
        padding: how far windows reach over each edge; there is nothing there that could be the largest.
        dilation: steps between neighbours in a window.
        return_indices: whether to return k too, as indices into the elements of a channel.
        ceil_mode: whether to round up, so that windows may reach over the last edge.

    Raises:
        ModuleError: an argument is out of its range, the input's shape does not fit, or a window covers
            nothing, because ``dilation`` steps over the whole input.

    Source: M. Riesenhuber, T. Poggio, "Hierarchical models of object recognition in cortex", 1999.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        axes = len(self.axes)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.stride = self.kernel_size if stride is None else sizes(self, "stride", stride, axes)
        self.padding = sizes(self, "padding", padding, axes, least=0)
        self.dilation = sizes(self, "dilation", dilation, axes)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size)):
            raise ModuleError(self, f"expected padding of at most half of {kernel_size}, got {padding}")

    def reaches(self, x: Tensor) -> list[Reach]:
        numbers = zip(x.shape[-len(self.axes) :], self.kernel_size, self.stride, self.padding, self.dilation)
        return [Reach.sliding(*each, ceil_mode=self.ceil_mode) for each in numbers]


class MaxPool1d(MaxPool):
    """Maximum pooling along one axis: `MaxPool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class MaxPool2d(MaxPool):
    """Maximum pooling of images: `MaxPool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class MaxPool3d(MaxPool):
    """Maximum pooling of volumes: `MaxPool` of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class AdaptiveMaxPool(Maximum):
    """Maximum pooling to a size: the base class of `AdaptiveMaxPool1d` to `AdaptiveMaxPool3d`.

    Window i of m along an axis of n elements goes from ``i * n // m`` to just before ``(i + 1) * n / m``,
    rounded up. Equations: those of `Maximum`.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *output_size)``, one or no batch axis.

    Args:
        output_size: the size along each axis, or one number for all; None for that of the input.
        return_indices: whether to return k too, as indices into the elements of a channel.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.

    Source: K. He et al., "Spatial pyramid pooling in deep convolutional networks", 2014.
    """

    needs_channels: ClassVar[bool] = False

    def __init__(
        self, output_size: int | tuple[int | None, ...] | None, return_indices: bool = False
    ) -> None:
        self.output_size = output_sizes(self, output_size, len(self.axes))
        self.return_indices = return_indices

    def reaches(self, x: Tensor) -> list[Reach]:
        return adaptive_reaches(x, self.output_size)


class AdaptiveMaxPool1d(AdaptiveMaxPool):
    """Maximum pooling to a length: `AdaptiveMaxPool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class AdaptiveMaxPool2d(AdaptiveMaxPool):
    """Maximum pooling of images to a size: `AdaptiveMaxPool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class AdaptiveMaxPool3d(AdaptiveMaxPool):
    """Maximum pooling of volumes to a size, of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


def output_sizes(
    module: Module, value: int | tuple[int | None, ...] | None, axes: int
) -> tuple[int | None, ...]:
    """The output's size along each axis, None for the input's.

    Raises:
        ModuleError: there are more or fewer, or one is negative.
    """
    each = (value,) * axes if value is None or isinstance(value, int) else tuple(value)
    if len(each) != axes or any(size is not None and size < 0 for size in each):
        raise ModuleError(module, f"expected output_size of {axes} numbers from 0, or None, got {value}")
    return each


def adaptive_reaches(x: Tensor, output_size: tuple[int | None, ...]) -> list[Reach]:
    """The windows along each axis that bring the input to the output's size."""
    both = zip(x.shape[-len(output_size) :], output_size)
    return [Reach.adaptive(size, size if count is None else count) for size, count in both]
