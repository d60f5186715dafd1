"""Convolution."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.margin import SOURCE, Margin
from plaingrad.nn.common.window import Window, batched, like, sizes
from plaingrad.nn.convolution.products import correlate, input_gradient, weight_gradient
from plaingrad.parameter import Parameter, learned, shape


class Convolution(Module):
    r"""Correlates inputs with learned kernels: the base class of `Conv1d`, `Conv2d` and `Conv3d`.

    .. math::
        y_{ol} &= b_o + \sum_{ck} W_{ock}\, \tilde x_{c,\, ls + kd} \\
        \frac{\partial \ell}{\partial W_{ock}} &=
            \sum_{l} \frac{\partial \ell}{\partial y_{ol}}\, \tilde x_{c,\, ls + kd}, \qquad
        \frac{\partial \ell}{\partial b_o} = \sum_{l} \frac{\partial \ell}{\partial y_{ol}} \\
        \frac{\partial \ell}{\partial \tilde x_{c,\, ls + kd}} &\mathrel{+}=
            \sum_{o} W_{ock} \frac{\partial \ell}{\partial y_{ol}} \quad \text{for each } k

    with stride s, dilation d, :math:`\tilde x` the padded input, and sums over the batch understood; l and k
    have a number for each axis. With groups, the channels c and o are split into as many parts, and each part
    of y sees its part of x alone. Half precision is computed in float32.

    Shapes: ``(*batch, in_channels, *size)`` to ``(*batch, out_channels, *new size)`` with
    ``new = (old + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`` and one or no batch axis.

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of channels of the output.
        kernel_size: the kernel's size along each axis, or one number for all, as all that follow.
        stride: steps from one window to the next.
        padding: elements added on each side; ``"valid"`` for none, ``"same"`` for as many as keep the size.
        dilation: steps between neighbours in a window.
        groups: the number of parts into which the channels are split.
        bias: whether to add a learned bias to each output channel.
        padding_mode: what is added: ``"zeros"``, ``"reflect"``, ``"replicate"`` or ``"circular"``.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight: shape ``(out_channels, in_channels // groups, *kernel_size)``, drawn from U(-k, k) with
            k = 1 / sqrt(in_channels // groups * elements of the kernel).
        bias: shape ``(out_channels,)``, drawn likewise, or None.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape or dtype does not fit.

    Source: Y. LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.
    """

    weight: Parameter
    bias: Parameter | None
    may_skip_input_grad: ClassVar[bool] = True
    axes: ClassVar[tuple[str, ...]]

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, ...],
        stride: int | tuple[int, ...] = 1,
        padding: str | int | tuple[int, ...] = 0,
        dilation: int | tuple[int, ...] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        expect_groups(self, in_channels, out_channels, groups)
        if padding_mode not in SOURCE:
            raise ModuleError(self, f"expected padding_mode from {', '.join(SOURCE)}, got {padding_mode!r}")
        axes = len(self.axes)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = sizes(self, "kernel_size", kernel_size, axes)
        self.stride = sizes(self, "stride", stride, axes)
        self.dilation = sizes(self, "dilation", dilation, axes)
        self.padding = padding if isinstance(padding, str) else sizes(self, "padding", padding, axes, least=0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.window = Window(self.kernel_size, self.stride, self.dilation)
        self.margins = self._margins()
        size = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(torch.empty(size, device=device, dtype=dtype))
        self.bias = Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw weight and bias."""
        redraw(self.weight, self.bias, self.generator)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*new_shape"]:
        self._expect(x)
        padded = batched(widen(x), len(self.axes))
        for margin in self.margins:
            padded = margin.forward(padded)
        y = correlate(padded, widen(self.weight.value), self.window, self.groups)
        if self.bias is not None:
            y = y + self.bias.value.view(-1, *[1] * len(self.axes))
        y = narrow(like(y, x), x.dtype)
        self.save(padded, y)
        return y

    def backward(self, dy: Float[Tensor, "*new_shape"]) -> Float[Tensor, "*shape"] | None:
        padded = self.restore(dy)
        exact, weight = batched(widen(dy), len(self.axes)), widen(self.weight.value)
        if learned(self.weight):
            self.weight.grad.add_(weight_gradient(exact, padded, weight, self.window, self.groups))
        if learned(self.bias):
            self.bias.grad.add_(exact.flatten(2).sum((0, 2)))
        if not self.needs_input_grad:
            return None
        dx = input_gradient(exact, padded.shape[2:], weight, self.window, self.groups)
        for margin in reversed(self.margins):
            dx = margin.backward(dx)
        return narrow(like(dx, dy), dy.dtype)

    def _margins(self) -> list[Margin]:
        if self.padding == "same":
            if set(self.stride) != {1}:
                raise ModuleError(self, f"expected stride 1 with padding='same', got {self.stride}")
            ends = [((extent - 1) // 2, extent // 2) for extent in self.window.extent]
        elif self.padding == "valid":
            ends = [(0, 0)] * len(self.axes)
        elif isinstance(self.padding, str):
            raise ModuleError(self, f"expected padding 'same', 'valid' or numbers, got {self.padding!r}")
        else:
            ends = [(end, end) for end in self.padding]
        axes = range(-len(self.axes), 0)
        return [Margin(axis, *both, self.padding_mode) for axis, both in zip(axes, ends) if any(both)]

    def _expect(self, x: Tensor) -> None:
        expect_input(self, x, self.in_channels, self.axes, self.weight.value)
        size = list(x.shape)
        for margin in self.margins:
            most, needed = margin.most(size[margin.axis]), max(margin.before, margin.after)
            if needed > most:
                expected = f"{margin.mode} padding of at most {most} for input {shape(x)}"
                raise ModuleError(self, f"expected {expected}, got {needed}")
            size[margin.axis] += margin.before + margin.after
        padded = tuple(size[-len(self.axes) :])
        if any(n < extent for n, extent in zip(padded, self.window.extent)):
            expected = f"input that covers the kernel's {self.window.extent} when padded"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}, padded {padded}")


class Conv1d(Convolution):
    """Convolution along one axis: `Convolution` of ``(*batch, in_channels, length)``."""

    axes: ClassVar[tuple[str, ...]] = ("length",)


class Conv2d(Convolution):
    """Convolution of images: `Convolution` of ``(*batch, in_channels, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("rows", "columns")


class Conv3d(Convolution):
    """Convolution of volumes: `Convolution` of ``(*batch, in_channels, depth, rows, columns)``."""

    axes: ClassVar[tuple[str, ...]] = ("depth", "rows", "columns")


def expect_groups(module: Module, in_channels: int, out_channels: int, groups: int) -> None:
    """Refuse groups into which the channels cannot be split."""
    if groups < 1 or in_channels % groups or out_channels % groups:
        channels = f"{in_channels} in_channels and {out_channels} out_channels"
        raise ModuleError(module, f"expected groups that divide {channels}, got {groups}")


def expect_input(module: Module, x: Tensor, channels: int, axes: tuple[str, ...], weight: Tensor) -> None:
    """Refuse an input of another shape or dtype, or one without elements along an axis."""
    dtype, names = weight.dtype, ", ".join(axes)
    fits = x.ndim - len(axes) in (1, 2) and x.shape[-len(axes) - 1] == channels
    if not fits or x.dtype != dtype:
        expected = f"input (batch, {channels}, {names}) or ({channels}, {names}) of {dtype}"
        raise ModuleError(module, f"expected {expected}, got {shape(x)} of {x.dtype}")
    if 0 in x.shape[-len(axes) :] and x.shape[: -len(axes)].numel():
        least = " and ".join(f"one of {axis}" for axis in axes)
        raise ModuleError(module, f"expected input of at least {least}, got {shape(x)}")


def redraw(weight: Parameter, bias: Parameter | None, generator: torch.Generator | None) -> None:
    """Draw kernels and bias anew, up to a bound that the number of weights behind an output sets."""
    init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None:
        weights = weight.value.shape[1:].numel()
        bound = 1 / math.sqrt(weights) if weights else 0.0
        init.uniform_(bias, -bound, bound, generator=generator)
