"""Transposed convolution."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.window import Window, batched, like, sizes, zeros_around
from plaingrad.nn.convolution.conv import expect_groups, expect_input, redraw
from plaingrad.nn.convolution.products import correlate, input_gradient, weight_gradient
from plaingrad.parameter import Parameter, learned, shape


class TransposedConvolution(Module):
    r"""Adds up kernels, each times an input: the base class of `ConvTranspose1d` to `ConvTranspose3d`.

    It is a convolution with forward and backward exchanged, so x stands where that has the gradient of its
    output, and W is that convolution's weight:

    .. math::
        \tilde y_{o,\, ls + kd} &\mathrel{+}= \sum_{c} W_{cok}\, x_{cl} \quad \text{for each } k,
            \qquad y = b + \tilde y \text{ without the padding} \\
        \frac{\partial \ell}{\partial x_{cl}} &=
            \sum_{ok} W_{cok}\, \frac{\partial \ell}{\partial \tilde y_{o,\, ls + kd}}, \qquad
        \frac{\partial \ell}{\partial W_{cok}} =
            \sum_{l} x_{cl}\, \frac{\partial \ell}{\partial \tilde y_{o,\, ls + kd}}, \qquad
        \frac{\partial \ell}{\partial b_o} = \sum_{l} \frac{\partial \ell}{\partial y_{ol}}

    with stride s, dilation d, and sums over the batch understood. Half precision is computed in float32.

    Shapes: ``(*batch, in_channels, *size)`` to ``(*batch, out_channels, *new size)`` with
    ``new = (old - 1) * stride - 2 * padding + dilation * (kernel_size - 1) + output_padding + 1`` and one or
    no batch axis.

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of channels of the output.
        kernel_size: the kernel's size along each axis, or one number for all, as all that follow.
        stride: steps from one kernel to the next.
        padding: elements that are cut off on each side.
        output_padding: elements that are kept beyond the last side; less than stride or dilation. It decides
            among the sizes that a convolution would have brought to the input's.
        groups: the number of parts into which the channels are split.
        bias: whether to add a learned bias to each output channel.
        dilation: steps between neighbours in a kernel.
        padding_mode: ``"zeros"``.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight: shape ``(in_channels, out_channels // groups, *kernel_size)``, drawn from U(-k, k) with
            k = 1 / sqrt(out_channels // groups * elements of the kernel).
        bias: shape ``(out_channels,)``, drawn likewise, or None.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape or dtype or the ``output_size``
            does not fit.

    Source: M. Zeiler et al., "Deconvolutional networks", 2010.
    """

    weight: Parameter
    bias: Parameter | None
    axes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: int | tuple[int, ...] = 0,
        output_padding: int | tuple[int, ...] = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: int | tuple[int, ...] = 1,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        expect_groups(self, in_channels, out_channels, groups)
        if padding_mode != "zeros":
            raise ModuleError(self, f"expected padding_mode 'zeros', got {padding_mode!r}")
        axes = len(self.axes)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.stride = sizes(self, "stride", stride, axes)
        self.padding = sizes(self, "padding", padding, axes, least=0)
        self.output_padding = sizes(self, "output_padding", output_padding, axes, least=0)
        self.dilation = sizes(self, "dilation", dilation, axes)
        self.groups = groups
        self.padding_mode = padding_mode
        self.window = Window(self.kernel_size, self.stride, self.dilation)
        size = (in_channels, out_channels // groups, *self.kernel_size)
        self.weight = Parameter(torch.empty(size, device=device, dtype=dtype))
        self.bias = Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw weight and bias."""
        redraw(self.weight, self.bias, self.generator)

    def forward(
        self, x: Float[Tensor, "*shape"], output_size: Sequence[int] | None = None
    ) -> Float[Tensor, "*new_shape"]:
        """Compute the output.

        Args:
            x: the input.
            output_size: the new size along each axis, with or without the axes before, in the place of
                ``output_padding``.
        """
        expect_input(self, x, self.in_channels, self.axes, self.weight.value)
        beyond = self._output_padding(x, output_size)
        exact = batched(widen(x), len(self.axes))
        covered = self.window.covered(exact.shape[2:])
        whole = input_gradient(exact, covered, widen(self.weight.value), self.window, self.groups)
        y = zeros_around(whole, *self._cut(beyond))
        if self.bias is not None:
            y = y + self.bias.value.view(-1, *[1] * len(self.axes))
        y = narrow(like(y, x), x.dtype)
        self.save((exact, beyond), y)
        return y

    def backward(self, dy: Float[Tensor, "*new_shape"]) -> tuple[Float[Tensor, "*shape"], None]:
        x, beyond = self.restore(dy)
        exact, weight = batched(widen(dy), len(self.axes)), widen(self.weight.value)
        before, after = self._cut(beyond)
        dwhole = zeros_around(exact, [-end for end in before], [-end for end in after])
        if learned(self.weight):
            self.weight.grad.add_(weight_gradient(x, dwhole, weight, self.window, self.groups))
        if learned(self.bias):
            self.bias.grad.add_(exact.flatten(2).sum((0, 2)))
        dx = correlate(dwhole, weight, self.window, self.groups)
        return narrow(like(dx, dy), dy.dtype), None

    def _cut(self, beyond: Sequence[int]) -> tuple[list[int], list[int]]:
        """The numbers of elements to add at the start and the end of each axis, negative to cut off."""
        return [-end for end in self.padding], [more - end for more, end in zip(beyond, self.padding)]

    def _output_padding(self, x: Tensor, output_size: Sequence[int] | None) -> tuple[int, ...]:
        """The elements of the output beyond the last kernel, before the padding is cut off."""
        axes = len(self.axes)
        bare = [n - 2 * p for n, p in zip(self.window.covered(x.shape[-axes:]), self.padding)]
        beyond = self.output_padding
        if output_size is not None:
            if len(output_size) not in (axes, axes + 2) and len(output_size) != x.ndim:
                expected = f"output_size of {axes} or {x.ndim} numbers"
                raise ModuleError(self, f"expected {expected}, got {tuple(output_size)}")
            beyond = tuple(n - least for n, least in zip(output_size[-axes:], bare))
            if any(not 0 <= more < s for more, s in zip(beyond, self.stride)):
                most = [least + s - 1 for least, s in zip(bare, self.stride)]
                expected = f"output_size from {tuple(bare)} to {tuple(most)} for input {shape(x)}"
                raise ModuleError(self, f"expected {expected}, got {tuple(output_size)}")
        if any(more >= max(s, d) for more, s, d in zip(beyond, self.stride, self.dilation)):
            raise ModuleError(self, f"expected output_padding below stride or dilation, got {beyond}")
        if x.numel() and any(least + more < 1 for least, more in zip(bare, beyond)):
            size = tuple(least + more for least, more in zip(bare, beyond))
            raise ModuleError(self, f"expected output of at least one element, got {size} from {shape(x)}")
        return beyond


class ConvTranspose1d(TransposedConvolution):
    """Transposed convolution along one axis, of ``(*batch, in_channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class ConvTranspose2d(TransposedConvolution):
    """Transposed convolution of images ``(*batch, in_channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class ConvTranspose3d(TransposedConvolution):
    """Transposed convolution of volumes ``(*batch, in_channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")
