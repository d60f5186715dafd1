"""Interpolation of images: nearest neighbours, lines, cubic splines."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.resampling.taps import Area, Taps, corners, points
from plaingrad.parameter import shape

# The number of axes behind the channels that each mode takes.
AXES = {
    "nearest": (1, 2, 3),
    "nearest-exact": (1, 2, 3),
    "area": (1, 2, 3),
    "linear": (1,),
    "bilinear": (2,),
    "bicubic": (2,),
    "trilinear": (3,),
}
ALONE = ("nearest", "nearest-exact", "area")  # the modes without align_corners

N = TypeVar("N", int, float)

Size = int | Iterable[int]
Scale = int | float | Iterable[int | float]


class Upsample(Module):
    r"""Brings signals, images or volumes to another size by interpolation.

    Along one axis after the other, with few weights w at each position i of the output,

    .. math::
        y_i = \sum_j w_{ij}\, x_j, \qquad
        \frac{\partial \ell}{\partial x_j} = \sum_i w_{ij} \frac{\partial \ell}{\partial y_i}

    Position i of the output is u of the input's, with s = new size / old size, or ``scale_factor`` itself:

    .. math::
        u = \frac{i}{s} \text{ (nearest)}, \qquad u = \frac{i + 1/2}{s} \text{ (nearest-exact)}, \qquad
        u = \frac{i + 1/2}{s} - \frac{1}{2}, \quad\text{or}\quad u = i\, \frac{n - 1}{m - 1}
        \text{ with align\_corners}

    ``nearest`` takes the one element j that u, rounded down, says; ``linear``, ``bilinear`` and ``trilinear``
    two, :math:`w_{ij} = \max(0, 1 - |u - j|)`; ``bicubic`` four, by a cubic spline of the distance; and
    ``area`` the mean of all elements that an element of the output covers. Beyond the edges the last element
    goes on. Half precision is computed in float32.

    Shapes: ``(batch, channels, *size)`` with one to three axes behind the channels, one for ``linear``, two
    for ``bilinear`` and ``bicubic``, three for ``trilinear``, to ``(batch, channels, *new size)``.

    Args:
        size: the new size along each axis, or one number for all.
        scale_factor: the new size as a multiple of the old one, rounded down, for each axis or all; instead
            of ``size``.
        mode: ``"nearest"``, ``"nearest-exact"``, ``"linear"``, ``"bilinear"``, ``"bicubic"``,
            ``"trilinear"`` or ``"area"``.
        align_corners: whether the first and last elements of input and output lie on each other, instead of
            the outer edges of these; None for False, and for ``nearest`` and ``area``.
        recompute_scale_factor: whether s is new size / old size even with a ``scale_factor``.

    Raises:
        ModuleError: there is neither or both of size and factor, an option that the mode does not have, or
            the input's shape does not fit.

    Source: R. Keys, "Cubic convolution interpolation for digital image processing", 1981.
    """

    size: int | tuple[int, ...] | None
    scale_factor: float | tuple[float, ...] | None

    def __init__(
        self,
        size: Size | None = None,
        scale_factor: Scale | None = None,
        mode: str = "nearest",
        align_corners: bool | None = None,
        recompute_scale_factor: bool | None = None,
    ) -> None:
        if mode not in AXES:
            raise ModuleError(self, f"expected mode from {', '.join(AXES)}, got {mode!r}")
        if (size is None) == (not scale_factor):
            expected = f"expected either size or scale_factor, got {size} and {scale_factor}"
            raise ModuleError(self, expected)
        if align_corners is not None and mode in ALONE:
            raise ModuleError(self, f"expected align_corners=None for mode {mode!r}, got {align_corners}")
        if recompute_scale_factor and size is not None:
            raise ModuleError(self, "expected scale_factor for recompute_scale_factor, got size")
        self.size = tuple(size) if isinstance(size, Iterable) else size
        if isinstance(scale_factor, Iterable):
            self.scale_factor = tuple(map(float, scale_factor))
        else:
            self.scale_factor = float(scale_factor) if scale_factor else None
        self.mode = mode
        self.align_corners = align_corners
        self.recompute_scale_factor = recompute_scale_factor

    def forward(self, x: Float[Tensor, "*size"]) -> Float[Tensor, "*new_size"]:
        expect_float(self, x)
        maps = self.maps(widen(x))
        y = widen(x)
        for axis, each in enumerate(maps, 2):
            y = each.forward(y, axis)
        y = narrow(y, x.dtype)
        self.save(maps, y)
        return y

    def backward(self, dy: Float[Tensor, "*new_size"]) -> Float[Tensor, "*size"]:
        maps = self.restore(dy)
        dx = widen(dy)
        for axis, each in reversed(list(enumerate(maps, 2))):
            dx = each.backward(dx, axis)
        return narrow(dx, dy.dtype)

    def maps(self, x: Tensor) -> list[Taps | Area]:
        """The interpolation along each axis behind the channels."""
        counts, scales = self._counts(x)
        return [self._map(n, m, s, x) for n, m, s in zip(x.shape[2:], counts, scales)]

    def _map(self, size: int, count: int, scale: float | None, x: Tensor) -> Taps | Area:
        if size == count and scale in (None, 1):
            return Taps.nearest(size, corners(size, count, x))
        if self.mode == "nearest":
            return Taps.nearest(size, points(size, count, scale, x))
        if self.mode == "nearest-exact":
            return Taps.nearest(size, points(size, count, scale, x, 0.5))
        if self.mode == "area":
            return Area(size, count)
        centres = corners(size, count, x) if self.align_corners else points(size, count, scale, x, 0.5) - 0.5
        if self.mode == "bicubic":
            return Taps.cubic(size, centres)
        if size == count:  # whatever the factor
            centres = corners(size, count, x)
        return Taps.linear(size, centres)

    def _counts(self, x: Tensor) -> tuple[list[int], list[float | None]]:
        """The new size along each axis, and the factor where it is not the quotient of the sizes."""
        size, axes, each = x.shape[2:], x.ndim - 2, self.scale_factor if self.size is None else self.size
        if axes not in AXES[self.mode] or (isinstance(each, tuple) and len(each) != axes) or 0 in x.shape[1:]:
            number = " or ".join(map(str, AXES[self.mode]))
            number = str(len(each)) if isinstance(each, tuple) else number
            expected = f"input (batch, channels, *size) with {number} sizes, none but batch 0"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        sizes, factors = along(self.size, axes), along(self.scale_factor, axes)
        counts = [int(n * f) if f else int(m or 0) for n, m, f in zip(size, sizes, factors)]
        if min(counts) < 1:
            raise ModuleError(self, f"expected output of sizes from 1, got {tuple(counts)} of {shape(x)}")
        is_quotient = self.recompute_scale_factor or self.mode == "area"
        return counts, [None] * axes if is_quotient else factors


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images to their nearest neighbours; torch.nn calls the name deprecated.

    Shapes: ``(batch, channels, rows, columns)`` to ``(batch, channels, new rows, new columns)``.

    Args:
        size: the new size along each axis, or one number for both.
        scale_factor: the new size as a multiple of the old one, for each axis or both.
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, mode="nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images by lines with ``align_corners``; torch.nn calls the name deprecated.

    Shapes: ``(batch, channels, rows, columns)`` to ``(batch, channels, new rows, new columns)``.

    Args:
        size: the new size along each axis, or one number for both.
        scale_factor: the new size as a multiple of the old one, for each axis or both.
    """

    def __init__(self, size: Size | None = None, scale_factor: Scale | None = None) -> None:
        super().__init__(size, scale_factor, mode="bilinear", align_corners=True)


def along(value: N | tuple[N, ...] | None, axes: int) -> list[N | None]:
    """The number for each axis, from these or from one for all."""
    return list(value) if isinstance(value, tuple) else [value] * axes
