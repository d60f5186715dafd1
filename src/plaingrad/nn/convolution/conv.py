"""Convolution."""

from __future__ import annotations

import math
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.common.margin import SOURCE, Margin
from plaingrad.nn.common.window import pair
from plaingrad.parameter import Parameter, learned, shape


class Conv2d(Module):
    r"""Correlates images with learned kernels.

    .. math::
        y_{ohw} &= b_o + \sum_{cij} W_{ocij}\, \tilde x_{c,\, hs + id,\, ws + jd} \\
        \frac{\partial \ell}{\partial W_{ocij}} &=
            \sum_{hw} \frac{\partial \ell}{\partial y_{ohw}}\, \tilde x_{c,\, hs + id,\, ws + jd}, \qquad
        \frac{\partial \ell}{\partial b_o} = \sum_{hw} \frac{\partial \ell}{\partial y_{ohw}} \\
        \frac{\partial \ell}{\partial \tilde x_{c,\, hs + id,\, ws + jd}} &\mathrel{+}=
            \sum_{o} W_{ocij} \frac{\partial \ell}{\partial y_{ohw}} \quad \text{for each } i, j

    with stride s, dilation d, :math:`\tilde x` the padded input, and sums over the batch understood. With
    groups, the channels c and o are split into as many parts, and each part of y sees its part of x alone.
    Half precision is computed in float32.

    Shapes: ``(*batch, in_channels, rows, columns)`` to ``(*batch, out_channels, new rows, new columns)`` with
    ``new = (old + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`` and one or no batch axis.

    Args:
        in_channels: the number of channels of the input.
        out_channels: the number of channels of the output.
        kernel_size: rows and columns of the kernel, or one number for both, as all that follow.
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
            k = 1 / sqrt(in_channels // groups * rows * columns).
        bias: shape ``(out_channels,)``, drawn likewise, or None.

    Raises:
        ModuleError: an argument is out of its range, or the input's shape or dtype does not fit.

    Source: Y. LeCun et al., "Backpropagation applied to handwritten zip code recognition", 1989.
    """

    weight: Parameter
    bias: Parameter | None
    may_skip_input_grad: ClassVar[bool] = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: str | int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if groups < 1 or in_channels % groups or out_channels % groups:
            channels = f"{in_channels} in_channels and {out_channels} out_channels"
            raise ModuleError(self, f"expected groups that divide {channels}, got {groups}")
        if padding_mode not in SOURCE:
            raise ModuleError(self, f"expected padding_mode from {', '.join(SOURCE)}, got {padding_mode!r}")
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = pair(self, "kernel_size", kernel_size)
        self.stride = pair(self, "stride", stride)
        self.dilation = pair(self, "dilation", dilation)
        self.padding = padding if isinstance(padding, str) else pair(self, "padding", padding, least=0)
        self.groups = groups
        self.padding_mode = padding_mode
        self.extent = tuple(d * (k - 1) + 1 for k, d in zip(self.kernel_size, self.dilation))
        self.margins = self._margins()
        size = (out_channels, in_channels // groups, *self.kernel_size)
        self.weight = Parameter(torch.empty(size, device=device, dtype=dtype))
        self.bias = Parameter(torch.empty(out_channels, device=device, dtype=dtype)) if bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw weight and bias."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5), generator=self.generator)
        if self.bias is not None:
            weights = self.weight.value.shape[1:].numel()  # of one output
            bound = 1 / math.sqrt(weights) if weights else 0.0
            init.uniform_(self.bias, -bound, bound, generator=self.generator)

    def forward(
        self, x: Float[Tensor, "*batch channels rows columns"]
    ) -> Float[Tensor, "*batch out_channels new_rows new_columns"]:
        self._expect(x)
        padded = widen(x)
        for margin in self.margins:
            padded = margin.forward(padded)
        y = torch.einsum("...gchwij,gocij->...gohw", self._windows(padded), self._kernels()).flatten(-4, -3)
        if self.bias is not None:
            y = y + self.bias.value.view(-1, 1, 1)
        y = y.to(x.dtype)
        self.save(padded, y)
        return y

    def backward(
        self, dy: Float[Tensor, "*batch out_channels new_rows new_columns"]
    ) -> Float[Tensor, "*batch channels rows columns"] | None:
        padded = self.restore(dy)
        exact = widen(dy).unflatten(-3, (self.groups, self.out_channels // self.groups))
        if learned(self.weight):
            dweight = torch.einsum("...gchwij,...gohw->gocij", self._windows(padded), exact)
            self.weight.grad.add_(dweight.flatten(0, 1))
        if learned(self.bias):
            self.bias.grad.add_(torch.einsum("...gohw->go", exact).flatten())
        return self._input_grad(exact, padded).to(dy.dtype) if self.needs_input_grad else None

    def _input_grad(
        self,
        dy: Float[Tensor, "*batch g o h w"],
        padded: Float[Tensor, "*batch channels all_rows all_columns"],
    ) -> Float[Tensor, "*batch channels rows columns"]:
        dwindows = torch.einsum("...gohw,gocij->ij...gchw", dy, self._kernels())
        dx = torch.zeros_like(padded)
        dx_windows = self._windows(dx)
        for i in range(self.kernel_size[0]):
            for j in range(self.kernel_size[1]):
                dx_windows[..., i, j].add_(dwindows[i, j])
        for margin in reversed(self.margins):
            dx = margin.backward(dx)
        return dx

    def _kernels(self) -> Float[Tensor, "g o c i j"]:
        return widen(self.weight.value).unflatten(0, (self.groups, self.out_channels // self.groups))

    def _windows(
        self, x: Float[Tensor, "*batch channels rows columns"]
    ) -> Float[Tensor, "*batch g c h w i j"]:
        """A view of all windows of the padded input."""
        windows = x.unflatten(-3, (self.groups, self.in_channels // self.groups))
        for extent, stride in zip(self.extent, self.stride):
            windows = windows.unfold(-2, extent, stride)
        return windows[..., :: self.dilation[0], :: self.dilation[1]]

    def _margins(self) -> list[Margin]:
        if self.padding == "same":
            if self.stride != (1, 1):
                raise ModuleError(self, f"expected stride 1 with padding='same', got {self.stride}")
            ends = [((extent - 1) // 2, extent // 2) for extent in self.extent]
        elif self.padding == "valid":
            ends = [(0, 0), (0, 0)]
        elif isinstance(self.padding, str):
            raise ModuleError(self, f"expected padding 'same', 'valid' or numbers, got {self.padding!r}")
        else:
            ends = [(end, end) for end in self.padding]
        return [Margin(axis, *both, self.padding_mode) for axis, both in zip((-2, -1), ends) if any(both)]

    def _expect(self, x: Tensor) -> None:
        dtype = self.weight.value.dtype
        if x.ndim not in (3, 4) or x.shape[-3] != self.in_channels or x.dtype != dtype:
            sizes = f"(batch, {self.in_channels}, rows, columns) or ({self.in_channels}, rows, columns)"
            raise ModuleError(self, f"expected input {sizes} of {dtype}, got {shape(x)} of {x.dtype}")
        if 0 in x.shape[-2:] and x.shape[:-2].numel():
            raise ModuleError(self, f"expected input of at least one row and one column, got {shape(x)}")
        size = list(x.shape)
        for margin in self.margins:
            most, needed = margin.most(size[margin.axis]), max(margin.before, margin.after)
            if needed > most:
                expected = f"{margin.mode} padding of at most {most} for input {shape(x)}"
                raise ModuleError(self, f"expected {expected}, got {needed}")
            size[margin.axis] += margin.before + margin.after
        if size[-2] < self.extent[0] or size[-1] < self.extent[1]:
            expected = f"input that covers the kernel's {self.extent} when padded"
            raise ModuleError(self, f"expected {expected}, got {shape(x)}, padded {tuple(size[-2:])}")
