"""Maximum pooling by windows at random steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.window import sizes
from plaingrad.nn.pooling.maximum import Maximum
from plaingrad.nn.pooling.reach import PlaneReach
from plaingrad.parameter import Buffer, shape

Ratio = int | float | Iterable[int | float]


class FractionalMaxPool(Maximum):
    r"""Maximum pooling by windows at random steps, so that a size may shrink by less than one half.

    The base class of `FractionalMaxPool2d` and `FractionalMaxPool3d`. Along an axis of n elements, m windows
    of k elements begin, for a random number u of each channel of each sample, at

    .. math::
        s_i = \lfloor (i + u)\, \alpha \rfloor - \lfloor u \alpha \rfloor, \qquad
        \alpha = \frac{n - k}{m - 1}, \qquad s_{m - 1} = n - k

    Equations: those of `Maximum`.

    Shapes: ``(*batch, channels, *size)`` to ``(*batch, channels, *output size)``, one or no batch axis.

    Args:
        kernel_size: the window's size along each axis, or one number for all.
        output_size: the number of windows along each axis, or one number for all.
        output_ratio: the output's size as a share of the input's, rounded down, for each axis or all; instead
            of ``output_size``.
        return_indices: whether to return the positions of the maxima too, as indices into the elements of a
            channel.
        _random_samples: the numbers u, shape ``(batch, channels, axes)``; drawn in every forward if None.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.

    Source: B. Graham, "Fractional max-pooling", 2014.
    """

    order: ClassVar[tuple[int, ...]]  # where the numbers of each axis are among the samples
    _random_samples: Buffer | None

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        output_size: int | tuple[int, ...] | None = None,
        output_ratio: Ratio | None = None,
        return_indices: bool = False,
        _random_samples: Tensor | None = None,
    ) -> None:
        axes = len(self.axes)
        if (output_size is None) == (output_ratio is None):
            got = f"got {output_size} and {output_ratio}"
            raise ModuleError(self, f"expected either output_size or output_ratio, {got}")
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.output_size = None if output_size is None else sizes(self, "output_size", output_size, axes, 0)
        self.output_ratio = self._ratios(output_ratio)
        self.return_indices = return_indices
        self._random_samples = None if _random_samples is None else Buffer(_random_samples)

    def reaches(self, x: Tensor) -> Sequence[PlaneReach]:
        axes = len(self.axes)
        size = x.shape[-axes:]
        counts = self.output_size
        if counts is None and self.output_ratio is not None:
            counts = tuple(int(n * ratio) for n, ratio in zip(size, self.output_ratio))
        if counts is None:
            raise ModuleError(self, "expected output_size or output_ratio, got neither")
        if any(m + k - 1 > n for n, k, m in zip(size, self.kernel_size, counts)):
            expected = f"input of room for {counts} windows of {self.kernel_size}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        samples = self._samples(x)
        return [
            PlaneReach.drawn(samples[..., column], n, k, m, axes)
            for column, n, k, m in zip(self.order, size, self.kernel_size, counts)
        ]

    def _samples(self, x: Tensor) -> Tensor:
        """The numbers u of each axis of each plane; of more batches than the input has the first."""
        axes = len(self.axes)
        planes = x.shape[:-axes]
        size = (*([1] if len(planes) == 1 else planes[:1]), planes[-1], axes)
        if self._random_samples is None:
            samples = torch.rand(size, generator=self.generator, dtype=x.dtype, device=x.device)
            return samples.view(*planes, axes)
        samples = self._random_samples.value
        if samples.ndim != 3 or samples.shape[1:] != size[1:] or len(samples) < size[0]:
            expected = f"expected _random_samples {size} for input {shape(x)}, got {shape(samples)}"
            raise ModuleError(self, expected)
        if samples.dtype != x.dtype:
            raise ModuleError(self, f"expected _random_samples of {x.dtype}, got {samples.dtype}")
        return samples[: size[0]].view(*planes, axes)

    def _ratios(self, value: Ratio | None) -> tuple[float, ...] | None:
        if value is None:
            return None
        axes = len(self.axes)
        each = tuple(value) if isinstance(value, Iterable) else (value,) * axes
        if len(each) != axes or not all(0 < ratio < 1 for ratio in each):
            raise ModuleError(self, f"expected output_ratio of one or {axes} numbers in 0..1, got {value}")
        return each


class FractionalMaxPool2d(FractionalMaxPool):
    """Maximum pooling of images at random steps, of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")
    order: ClassVar[tuple[int, ...]] = (1, 0)


class FractionalMaxPool3d(FractionalMaxPool):
    """Maximum pooling of volumes at random steps, of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")
    order: ClassVar[tuple[int, ...]] = (0, 1, 2)
