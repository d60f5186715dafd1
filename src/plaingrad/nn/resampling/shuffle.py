"""Shuffles: the same numbers at other places, in other channels."""

from __future__ import annotations

from jaxtyping import Shaped
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


class PixelShuffle(Module):
    r"""Makes larger images of fewer channels: each pixel becomes a square of r by r pixels.

    .. math::
        y_{c,\, hr + i,\, wr + j} = x_{cr^2 + ir + j,\, h,\, w}, \qquad
        \frac{\partial \ell}{\partial x_{cr^2 + ir + j,\, h,\, w}} =
        \frac{\partial \ell}{\partial y_{c,\, hr + i,\, wr + j}}

    Shapes: ``(*batch, channels * r * r, rows, columns)`` to ``(*batch, channels, rows * r, columns * r)``.

    Args:
        upscale_factor: the factor r.

    Raises:
        ModuleError: the factor is below 1, or the input's channels are no multiple of its square.

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016.
    """

    def __init__(self, upscale_factor: int) -> None:
        if upscale_factor < 1:
            raise ModuleError(self, f"expected an upscale_factor from 1, got {upscale_factor}")
        self.upscale_factor = upscale_factor

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        r = self.upscale_factor
        if x.ndim < 3 or x.shape[-3] % r**2:
            expected = f"input (*, channels, rows, columns) with a multiple of {r**2} channels"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        y = enlarged(x, r)
        self.save(None, y)
        return y

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        self.restore(dy)
        return reduced(dy, self.upscale_factor)


class PixelUnshuffle(Module):
    r"""Makes smaller images of more channels: each square of r by r pixels becomes one pixel of as many.

    .. math::
        y_{cr^2 + ir + j,\, h,\, w} = x_{c,\, hr + i,\, wr + j}, \qquad
        \frac{\partial \ell}{\partial x_{c,\, hr + i,\, wr + j}} =
        \frac{\partial \ell}{\partial y_{cr^2 + ir + j,\, h,\, w}}

    Shapes: ``(*batch, channels, rows * r, columns * r)`` to ``(*batch, channels * r * r, rows, columns)``.

    Args:
        downscale_factor: the factor r.

    Raises:
        ModuleError: the factor is below 1, or the input's rows or columns are no multiple of it.

    Source: W. Shi et al., "Real-time single image and video super-resolution using an efficient sub-pixel
    convolutional neural network", 2016, for the inverse.
    """

    def __init__(self, downscale_factor: int) -> None:
        if downscale_factor < 1:
            raise ModuleError(self, f"expected a downscale_factor from 1, got {downscale_factor}")
        self.downscale_factor = downscale_factor

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        r = self.downscale_factor
        if x.ndim < 3 or x.shape[-2] % r or x.shape[-1] % r:
            expected = f"input (*, channels, rows, columns) with multiples of {r} rows and columns"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        y = reduced(x, r)
        self.save(None, y)
        return y

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        self.restore(dy)
        return enlarged(dy, self.downscale_factor)


class ChannelShuffle(Module):
    r"""Deals the channels of g groups out in turns, so that neighbours come from different groups.

    .. math::
        y_{kg + i} = x_{in / g + k}, \qquad
        \frac{\partial \ell}{\partial x_{in / g + k}} = \frac{\partial \ell}{\partial y_{kg + i}}

    for channel k of the n / g in each group i.

    Shapes: ``(batch, channels, *)`` with one or more axes behind the channels, kept.

    Args:
        groups: the number g of groups.

    Raises:
        ModuleError: there is no group, or the input's channels cannot be divided into groups.

    Source: X. Zhang, X. Zhou, M. Lin, J. Sun, "ShuffleNet: an extremely efficient convolutional neural
    network for mobile devices", 2018.
    """

    def __init__(self, groups: int) -> None:
        if groups < 1:
            raise ModuleError(self, f"expected groups from 1, got {groups}")
        self.groups = groups

    def forward(self, x: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        if x.ndim < 3 or x.shape[1] % self.groups:
            expected = f"input (batch, channels, *) with a multiple of {self.groups} channels"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        y = dealt(x, self.groups)
        self.save(None, y)
        return y

    def backward(self, dy: Shaped[Tensor, ...]) -> Shaped[Tensor, ...]:
        self.restore(dy)
        return dealt(dy, dy.shape[1] // self.groups) if dy.numel() else dy


def enlarged(x: Tensor, r: int) -> Tensor:
    """Squares of r by r pixels in place of as many channels."""
    *batch, channels, rows, columns = x.shape
    squares = x.reshape(x.shape[:-2].numel() // r**2, r, r, rows, columns)
    return squares.permute(0, 3, 1, 4, 2).reshape(*batch, channels // r**2, rows * r, columns * r)


def reduced(x: Tensor, r: int) -> Tensor:
    """As many channels in place of squares of r by r pixels."""
    *batch, channels, rows, columns = x.shape
    squares = x.reshape(x.shape[:-2].numel(), rows // r, r, columns // r, r)
    return squares.permute(0, 2, 4, 1, 3).reshape(*batch, channels * r**2, rows // r, columns // r)


def dealt(x: Tensor, groups: int) -> Tensor:
    """The first channel of each group, then the second of each, and so on."""
    batch, channels, *rest = x.shape
    return x.reshape(batch, groups, channels // groups, *rest).transpose(1, 2).reshape(x.shape)
