"""The undoing of maximum pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.window import sizes
from plaingrad.parameter import shape


class MaxUnpool(Module):
    r"""Puts elements where maximum pooling took them from, among zeros.

    The base class of `MaxUnpool1d`, `MaxUnpool2d` and `MaxUnpool3d`.

    .. math::
        y_{k(l)} = x_l, \qquad
        \frac{\partial \ell}{\partial x_l} = \frac{\partial \ell}{\partial y_{k(l)}}

    If several elements come to one place, one of them is there, and each gets its gradient.

    Shapes: ``(*batch, channels, *size)`` twice to ``(*batch, channels, *new size)`` with
    ``new = (old - 1) * stride - 2 * padding + kernel_size``, and one or no batch axis.

    Args:
        kernel_size: the pooling window's size along each axis, or one number for all, as all that follow.
        stride: steps from one window to the next; the kernel size if None.
        padding: how far windows reached over each edge.

    Raises:
        ModuleError: an argument is out of its range, shapes do not fit, or an index is not in the output.

    Source: M. Zeiler, R. Fergus, "Visualizing and understanding convolutional networks", 2014.
    """

    axes: ClassVar[tuple[str, ...]]
    differentiable: ClassVar[tuple[str, ...] | None] = ("x",)

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] | None = None,
        padding: int | tuple[int, ...] = 0,
    ) -> None:
        axes = len(self.axes)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.stride = self.kernel_size if stride is None else sizes(self, "stride", stride, axes)
        self.padding = sizes(self, "padding", padding, axes, least=0)

    def forward(
        self,
        x: Float[Tensor, "*size"],
        indices: Int[Tensor, "*size"],
        output_size: Sequence[int] | None = None,
    ) -> Float[Tensor, "*new_size"]:
        """Compute the output.

        Args:
            x: the elements.
            indices: where each of them goes, as `MaxPool2d` returns it.
            output_size: the new size along each axis, with or without the axes before: the size that was
                pooled, where several sizes come to that of ``x``.
        """
        axes = len(self.axes)
        if x.ndim - axes not in (1, 2) or indices.shape != x.shape or 0 in x.shape[-axes:]:
            names = ", ".join(self.axes)
            expected = (
                f"input and indices (batch, channels, {names}) or (channels, {names}), none but batch 0"
            )
            raise ModuleError(self, f"expected {expected}, got {shape(x)} and {shape(indices)}")
        size = self._size(x, output_size)
        elements = x.new_zeros(*x.shape[:-axes], *size).flatten(-axes)
        if indices.numel() and not 0 <= indices.min() <= indices.max() < elements.shape[-1]:
            most = f"indices from 0 to {elements.shape[-1] - 1} for output {tuple(size)}"
            raise ModuleError(self, f"expected {most}, got {indices.min()} to {indices.max()}")
        flat = indices.flatten(-axes)
        y = elements.scatter(-1, flat, x.flatten(-axes)).unflatten(-1, size)
        self.save((x.shape, flat), y)
        return y

    def backward(self, dy: Float[Tensor, "*new_size"]) -> tuple[Float[Tensor, "*size"], None, None]:
        size, flat = self.restore(dy)
        return dy.flatten(-len(self.axes)).gather(-1, flat).view(size), None, None

    def _size(self, x: Tensor, output_size: Sequence[int] | None) -> list[int]:
        axes = len(self.axes)
        numbers = zip(x.shape[-axes:], self.stride, self.padding, self.kernel_size)
        usual = [(n - 1) * s - 2 * p + k for n, s, p, k in numbers]
        if output_size is None:
            return usual
        size = list(output_size)[-axes:]
        near = all(n - s < new < n + s for new, n, s in zip(size, usual, self.stride))
        if len(output_size) not in (axes, x.ndim, axes + 2) or not near:
            expected = f"output_size of {axes} numbers within a stride {self.stride} of {tuple(usual)}"
            raise ModuleError(self, f"expected {expected}, got {tuple(output_size)}")
        return size


class MaxUnpool1d(MaxUnpool):
    """The undoing of `MaxPool1d`: `MaxUnpool` of ``(*batch, channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class MaxUnpool2d(MaxUnpool):
    """The undoing of `MaxPool2d`: `MaxUnpool` of ``(*batch, channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class MaxUnpool3d(MaxUnpool):
    """The undoing of `MaxPool3d`: `MaxUnpool` of ``(*batch, channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")
