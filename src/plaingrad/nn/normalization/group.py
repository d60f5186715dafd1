"""Normalisation of groups of channels of each sample."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.normalization.channels import centred
from plaingrad.parameter import Parameter, learned, shape


class GroupNorm(Module):
    r"""Normalises groups of channels of each sample to mean 0 and variance 1, then scales and shifts them.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{1}{\sigma} \Big( g - \overline{g}
            - \hat x \odot \overline{g \odot \hat x} \Big), \qquad
            g = \frac{\partial \ell}{\partial y} \odot w \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y}

    where bars go over the values of one group of one sample, sums over all values of a channel. Half
    precision is computed in float32.

    Shapes: ``(batch, num_channels, *)``, kept.

    Args:
        num_groups: the number of groups, neighbours among the channels.
        num_channels: the number of channels, a multiple of that.
        eps: added to the variance.
        affine: whether to learn scale and shift.
        device: where the parameters live.
        dtype: their floating-point type.
        bias: whether to learn the shift, if there is a scale.

    Attributes:
        weight: the scale w, shape ``(num_channels,)``, from 1; or None.
        bias: the shift b, shape ``(num_channels,)``, from 0; or None.

    Raises:
        ModuleError: the channels cannot be divided into groups, the input's shape or dtype does not fit, or
            the whole batch has a single value in each group.

    Source: Y. Wu, K. He, "Group normalization", 2018.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        if num_groups < 1 or num_channels % num_groups:
            raise ModuleError(self, f"expected num_channels in {num_groups} equal groups, got {num_channels}")
        self.num_groups = num_groups
        self.num_channels = num_channels
        self.eps = eps
        empty = torch.empty(num_channels, device=device, dtype=dtype)
        self.weight = Parameter(empty.clone()) if affine else None
        self.bias = Parameter(empty.clone()) if affine and bias else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._expect(x)
        difference, _, variance = centred(self._grouped(widen(x)), (2,))
        inverse = (variance + self.eps).rsqrt()
        normal = (difference * inverse).view(x.shape)
        y = normal if self.weight is None else normal * self._along(self.weight.value, x)
        y = y if self.bias is None else y + self._along(self.bias.value, x)
        y = y.to(x.dtype)
        self.save((normal, inverse), y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        normal, inverse = self.restore(dy)
        g = exact = widen(dy)
        axes = (0, *range(2, dy.ndim))
        if learned(self.weight):
            self.weight.grad.add_((exact * normal).sum(axes))
        if learned(self.bias):
            self.bias.grad.add_(exact.sum(axes))
        if self.weight is not None:
            g = exact * self._along(self.weight.value, dy)
        g, normal = self._grouped(g), self._grouped(normal)
        along = (g * normal).mean(2, keepdim=True)
        dx = (g - g.mean(2, keepdim=True) - normal * along) * inverse
        return dx.to(dy.dtype).view(dy.shape)

    def _grouped(self, x: Float[Tensor, "batch channels *rest"]) -> Float[Tensor, "batch groups values"]:
        return x.reshape(x.shape[0], self.num_groups, x.shape[1:].numel() // self.num_groups)

    def _along(self, values: Tensor, x: Tensor) -> Tensor:
        """A number for each channel, laid along the channels of ``x``."""
        return values.view(-1, *[1] * (x.ndim - 2))

    def _expect(self, x: Tensor) -> None:
        dtype = "floating-point numbers" if self.weight is None else self.weight.value.dtype
        fits = x.is_floating_point() if self.weight is None else x.dtype == dtype
        if x.ndim < 2 or x.shape[1] != self.num_channels or not fits:
            expected = f"input (batch, {self.num_channels}, *) of {dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
        if x.numel() == self.num_groups:
            raise ModuleError(self, f"expected more than one value per group, got {shape(x)}")
