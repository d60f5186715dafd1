"""Pooling by the mean of each window, and by its norm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.window import sizes
from plaingrad.nn.pooling.maximum import adaptive_reaches, expect_pooled, output_sizes
from plaingrad.nn.pooling.reach import Reach

Means = list[tuple[Reach, list[int]]]
"""For each axis, the windows along it, and what the sum of each is divided by."""


def averages(x: Num[Tensor, "*size"], means: Means) -> Num[Tensor, "*count"]:
    """The mean of each window, summed up along one axis after the other; of integers without its fraction."""
    first, rounding = x.ndim - len(means), None if x.is_floating_point() else "trunc"
    for axis, (reach, _) in enumerate(means, first):
        (total, _), *others = reach.elements(x, axis)
        for element, valid in others:
            total = total + (element if valid is None else torch.where(valid, element, 0))
        x = total
    for axis, (_, divisors) in enumerate(means, first):
        x = x.div(_along(divisors, x, axis), rounding_mode=rounding)
    return x


def averages_gradient(
    dy: Float[Tensor, "*count"], size: Sequence[int], means: Means
) -> Float[Tensor, "*size"]:
    """The gradient with respect to an input of this size, from that with respect to the means."""
    for axis, (reach, divisors) in reversed(list(enumerate(means, dy.ndim - len(means)))):
        dx = dy.new_zeros(*dy.shape[:axis], size[axis], *dy.shape[axis + 1 :])
        reach.add(dy / _along(divisors, dy, axis), dx, axis)
        dy = dx
    return dy


def _along(divisors: list[int], x: Tensor, axis: int) -> Tensor | int:
    if len(set(divisors)) == 1:
        return divisors[0]
    return x.new_tensor(divisors).view(-1, *[1] * (x.ndim - axis - 1))


class Average(Module):
    r"""Takes the mean of each window: the base class of average pooling.

    .. math::
        y_l = \frac{1}{n_l} \sum_{k \,\in\, \text{window}(l)} x_k, \qquad
        \frac{\partial \ell}{\partial x_k} \mathrel{+}= \frac{1}{n_l} \frac{\partial \ell}{\partial y_l}
            \quad \text{for each } k \in \text{window}(l)

    Half precision is computed in float32.
    """

    axes: ClassVar[tuple[str, ...]]
    needs_channels: ClassVar[bool] = True

    def means(self, x: Tensor) -> Means:
        """The windows along each axis, and the factors of n."""
        raise NotImplementedError

    def forward(self, x: Num[Tensor, "*size"]) -> Num[Tensor, "*count"]:
        expect_pooled(self, x, self.axes, self.needs_channels)
        means = self.means(x)
        for reach, _ in means:
            reach.covers(self, x)
        y = narrow(averages(widen(x), means), x.dtype)
        self.save((x.shape, means), y)
        return y

    def backward(self, dy: Float[Tensor, "*count"]) -> Float[Tensor, "*size"]:
        size, means = self.restore(dy)
        return narrow(averages_gradient(widen(dy), size, means), dy.dtype)


class AvgPool(Average):
    """Average pooling by windows that slide: the base class of `AvgPool1d`, `AvgPool2d` and `AvgPool3d`.

    Equations: those of `Average`, where n is the number of elements of a window, as far as it lies within the
    padded input.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *new size)`` with
    ``new = (old + 2 * padding - kernel_size) / stride + 1``, rounded as ``ceil_mode`` says, and one or no
    batch axis.

    Args:
        kernel_size: the window's size along each axis, or one number for all, as all that follow.
        stride: steps from one window to the next; the kernel size if None.
        padding: zeros on each side.
        ceil_mode: whether to round up, so that windows may reach over the last edge.
        count_include_pad: whether the zeros count in n.
        divisor_override: what stands for n.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.

    Source: Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        axes = len(self.axes)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.stride = self.kernel_size if stride is None else sizes(self, "stride", stride, axes)
        self.padding = sizes(self, "padding", padding, axes, least=0)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size)):
            raise ModuleError(self, f"expected padding of at most half of {kernel_size}, got {padding}")
        if divisor_override == 0:
            raise ModuleError(self, "expected divisor_override other than 0, got 0")

    def means(self, x: Tensor) -> Means:
        means: Means = []
        numbers = zip(x.shape[-len(self.axes) :], self.kernel_size, self.stride, self.padding)
        for i, (size, kernel, stride, padding) in enumerate(numbers):
            reach = Reach.sliding(size, kernel, stride, padding, ceil_mode=self.ceil_mode)
            starts = [window * stride - padding for window in range(len(reach.starts))]
            padded = [min(kernel, size + padding - start) for start in starts]
            divisors = padded if self.count_include_pad else reach.lengths
            if self.divisor_override is not None:
                divisors = [1 if i else self.divisor_override] * len(starts)
            means.append((reach, divisors))
        return means


class AvgPool1d(AvgPool):
    """Average pooling along one axis: `AvgPool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__(kernel_size, stride, padding, ceil_mode, count_include_pad)


class AvgPool2d(AvgPool):
    """Average pooling of images: `AvgPool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class AvgPool3d(AvgPool):
    """Average pooling of volumes: `AvgPool` of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class AdaptiveAvgPool(Average):
    """Average pooling to a size: the base class of `AdaptiveAvgPool1d` to `AdaptiveAvgPool3d`.

    Window i of m along an axis of n elements goes from ``i * n // m`` to just before ``(i + 1) * n / m``,
    rounded up. Equations: those of `Average`.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *output_size)``, one or no batch axis.

    Args:
        output_size: the size along each axis, or one number for all; None for that of the input.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.

    Source: K. He et al., "Spatial pyramid pooling in deep convolutional networks", 2014.
    """

    needs_channels: ClassVar[bool] = False

    def __init__(self, output_size: int | tuple[int | None, ...] | None) -> None:
        self.output_size = output_sizes(self, output_size, len(self.axes))

    def means(self, x: Tensor) -> Means:
        reaches = adaptive_reaches(x, self.output_size)
        return [(reach, reach.lengths) for reach in reaches]


class AdaptiveAvgPool1d(AdaptiveAvgPool):
    """Average pooling to a length: `AdaptiveAvgPool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class AdaptiveAvgPool2d(AdaptiveAvgPool):
    """Average pooling of images to a size: `AdaptiveAvgPool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class AdaptiveAvgPool3d(AdaptiveAvgPool):
    """Average pooling of volumes to a size, of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


class LPPool(Module):
    r"""Takes the norm of each window: the base class of `LPPool1d`, `LPPool2d` and `LPPool3d`.

    .. math::
        y_l = \Big( \sum_{k \,\in\, \text{window}(l)} x_k^p \Big)^{1/p}, \qquad
        \frac{\partial \ell}{\partial x_k} \mathrel{+}=
            \Big( \frac{x_k}{y_l} \Big)^{p - 1} \frac{\partial \ell}{\partial y_l}
            \quad \text{for each } k \in \text{window}(l)

    As in torch.nn there is no absolute value in it, so that y is NaN where an odd p meets a negative sum, and
    a window that ``ceil_mode`` lets reach over the last edge counts as if it went on alike. Where the sum is
    0, the derivative is taken as 0. Half precision is computed in float32.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *new size)`` with
    ``new = (old - kernel_size) / stride + 1``, rounded as ``ceil_mode`` says, and one or no batch axis.

    Args:
        norm_type: p.
        kernel_size: the window's size along each axis, or one number for all, as all that follow.
        stride: steps from one window to the next; the kernel size if None.
        ceil_mode: whether to round up, so that windows may reach over the last edge.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.

    Source: P. Sermanet et al., "Convolutional neural networks applied to house numbers digit classification",
    2012.
    """

    axes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        norm_type: int | float,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        ceil_mode: bool = False,
    ) -> None:
        if not norm_type:
            raise ModuleError(self, f"expected norm_type other than 0, got {norm_type}")
        self.norm_type = norm_type
        self.kernel_size = sizes(self, "kernel_size", kernel_size, len(self.axes))
        self.stride = self.kernel_size if stride is None else sizes(self, "stride", stride, len(self.axes))
        self.ceil_mode = ceil_mode

    def forward(self, x: Float[Tensor, "*size"]) -> Float[Tensor, "*count"]:
        expect_float(self, x)
        expect_pooled(self, x, self.axes)
        numbers = zip(x.shape[-len(self.axes) :], self.kernel_size, self.stride)
        reaches = [Reach.sliding(*each, ceil_mode=self.ceil_mode).covers(self, x) for each in numbers]
        means = [(reach, reach.lengths) for reach in reaches]
        exact, p = widen(x), self.norm_type
        total = averages(exact.pow(p), means) * math.prod(self.kernel_size)
        y = narrow(total.pow(1 / p), x.dtype)
        self.save((exact, total, means), y)
        return y

    def backward(self, dy: Float[Tensor, "*count"]) -> Float[Tensor, "*size"]:
        x, total, means = self.restore(dy)
        p = self.norm_type
        slope = widen(dy) * total.pow(1 / p - 1) * math.prod(self.kernel_size)  # y^(1 - p)
        slope = torch.where(total == 0, 0, slope * ~total.isnan())
        return narrow(averages_gradient(slope, x.shape, means) * x.pow(p - 1), dy.dtype)


class LPPool1d(LPPool):
    """Pooling by a norm along one axis: `LPPool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class LPPool2d(LPPool):
    """Pooling of images by a norm: `LPPool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class LPPool3d(LPPool):
    """Pooling of volumes by a norm: `LPPool` of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")
