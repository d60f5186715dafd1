"""Windows as columns, and the sum of columns at the places of windows."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.window import Window, batched, sizes, zeros_around
from plaingrad.parameter import shape


class Unfold(Module):
    r"""Makes a column of each window of an image.

    .. math::
        y_{(ck),\, l} = \tilde x_{c,\, ls + kd}, \qquad
        \frac{\partial \ell}{\partial \tilde x_{c,\, ls + kd}} \mathrel{+}=
            \frac{\partial \ell}{\partial y_{(ck),\, l}}

    with stride s, dilation d, and :math:`\tilde x` the input with zeros around it.

    Shapes: ``(*batch, channels, rows, columns)`` to ``(*batch, channels * elements, windows)``, one or no
    batch axis.

    Args:
        kernel_size: rows and columns of the window, or one number for both, as all that follow.
        dilation: steps between neighbours in a window.
        padding: zeros added on each side.
        stride: steps from one window to the next.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ) -> None:
        self.kernel_size = sizes(self, "kernel_size", kernel_size, 2)
        self.dilation = sizes(self, "dilation", dilation, 2)
        self.padding = sizes(self, "padding", padding, 2, least=0)
        self.stride = sizes(self, "stride", stride, 2)
        self.window = Window(self.kernel_size, self.stride, self.dilation)

    def forward(self, x: Float[Tensor, "*images"]) -> Float[Tensor, "*columns"]:
        if x.ndim not in (3, 4) or 0 in x.shape[-3:]:
            expected = "input (batch, channels, rows, columns) or (channels, rows, columns), none of them 0"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        padded = zeros_around(batched(x, 2), self.padding, self.padding)
        if 0 in self.window.count(padded.shape[2:]):
            raise ModuleError(self, f"expected input of at least one window, got {shape(x)}")
        y = self.window.columns(padded)
        y = y if x.ndim == 4 else y.squeeze(0)
        self.save((x.shape, padded.shape), y)
        return y

    def backward(self, dy: Float[Tensor, "*columns"]) -> Float[Tensor, "*images"]:
        size, padded = self.restore(dy)
        exact = batched(widen(dy), 1)
        dx = exact.new_zeros(padded)
        self.window.add_columns(exact, dx)
        ends = [-end for end in self.padding]
        return narrow(zeros_around(dx, ends, ends).view(size), dy.dtype)


class Fold(Module):
    r"""Adds up columns where the windows of an image stand.

    .. math::
        \tilde y_{c,\, ls + kd} \mathrel{+}= x_{(ck),\, l}, \qquad
        \frac{\partial \ell}{\partial x_{(ck),\, l}} = \frac{\partial \ell}{\partial \tilde y_{c,\, ls + kd}}

    with stride s, dilation d, and :math:`\tilde y` the output with a margin that is cut off.

    Shapes: ``(*batch, channels * elements, windows)`` to ``(*batch, channels, *output_size)``, one or no
    batch axis.

    Args:
        output_size: rows and columns of the image, or one number for both, as all that follow.
        kernel_size: rows and columns of the window.
        dilation: steps between neighbours in a window.
        padding: elements cut off on each side.
        stride: steps from one window to the next.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape does not fit.
    """

    def __init__(
        self,
        output_size: int | tuple[int, ...],
        kernel_size: int | tuple[int, ...],
        dilation: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        stride: int | tuple[int, ...] = 1,
    ) -> None:
        self.output_size = sizes(self, "output_size", output_size, 2)
        self.kernel_size = sizes(self, "kernel_size", kernel_size, 2)
        self.dilation = sizes(self, "dilation", dilation, 2)
        self.padding = sizes(self, "padding", padding, 2, least=0)
        self.stride = sizes(self, "stride", stride, 2)
        self.window = Window(self.kernel_size, self.stride, self.dilation)

    def forward(self, x: Float[Tensor, "*columns"]) -> Float[Tensor, "*images"]:
        padded = [n + 2 * p for n, p in zip(self.output_size, self.padding)]
        count = self.window.count(padded)
        windows, elements = count[0] * count[1], self.window.elements
        if (
            x.ndim not in (2, 3)
            or not windows
            or x.shape[-1] != windows
            or x.shape[-2] % elements
            or 0 in x.shape[-2:]
        ):
            expected = f"input (*batch, a multiple of {elements}, {windows})"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}")
        exact = batched(widen(x), 1)
        whole = exact.new_zeros(len(exact), x.shape[-2] // elements, *padded)
        self.window.add_columns(exact, whole)
        ends = [-end for end in self.padding]
        y = narrow(zeros_around(whole, ends, ends), x.dtype)
        y = y if x.ndim == 3 else y.squeeze(0)
        self.save(None, y)
        return y

    def backward(self, dy: Float[Tensor, "*images"]) -> Float[Tensor, "*columns"]:
        self.restore(dy)
        dx = self.window.columns(zeros_around(batched(dy, 2), self.padding, self.padding))
        return dx if dy.ndim == 4 else dx.squeeze(0)
