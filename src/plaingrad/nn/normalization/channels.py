"""The state of normalisations over channels: scale, shift and running statistics for each."""

from __future__ import annotations

from collections.abc import Container
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Buffer, Parameter, shape


class ChannelNorm(Module):
    """A layer with a scale, a shift and running statistics for each channel of its input.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the share of the newest batch in the running statistics.
        affine: whether to learn scale and shift.
        track_running_stats: whether to keep running statistics.
        device: where parameters and buffers live.
        dtype: their floating-point type.
        bias: whether to learn the shift, if there is a scale.

    Attributes:
        ranks: the numbers of axes that an input may have.
        sizes: the input's shapes, for messages, with ``{}`` for the number of channels.
    """

    ranks: ClassVar[Container[int]]
    sizes: ClassVar[str]

    weight: Parameter | None
    bias: Parameter | None
    running_mean: Buffer | None
    running_var: Buffer | None
    num_batches_tracked: Buffer | None

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        self.num_features = num_features
        self.eps = eps
        self.momentum = momentum
        empty = torch.empty(num_features, device=device, dtype=dtype)
        self.weight = Parameter(empty.clone()) if affine else None
        self.bias = Parameter(empty.clone()) if affine and bias else None
        self.running_mean = Buffer(empty.clone()) if track_running_stats else None
        self.running_var = Buffer(empty.clone()) if track_running_stats else None
        count = torch.tensor(0, device=device)
        self.num_batches_tracked = Buffer(count) if track_running_stats else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Reset the running statistics, the weight to 1 and the bias to 0."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def reset_running_stats(self) -> None:
        """Reset the running statistics."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        init.zeros_(self.running_mean)
        init.ones_(self.running_var)
        init.zeros_(self.num_batches_tracked)

    def _scaled(self, normal: Float[Tensor, "*shape"], channels: tuple[int, ...]) -> Float[Tensor, "*shape"]:
        """Scale and shift what was normalised; ``channels`` lays a number for each along the input."""
        if self.weight is not None and self.bias is not None:
            return torch.addcmul(self.bias.value.view(channels), normal, self.weight.value.view(channels))
        if self.weight is not None:
            return normal * self.weight.value.view(channels)
        if self.bias is not None:
            return normal + self.bias.value.view(channels)
        return normal

    def _expect(self, x: Tensor, axis: int = 1) -> None:
        own = self.weight or self.running_mean
        dtype = "floating-point numbers" if own is None else own.value.dtype
        fits = x.is_floating_point() if own is None else x.dtype == dtype
        if x.ndim not in self.ranks or x.shape[axis] != self.num_features or not fits:
            sizes = self.sizes.format(*[self.num_features] * 2)
            raise ModuleError(self, f"expected input {sizes} of {dtype}, got {shape(x)} of {x.dtype}")

    def _move(self, mean: Tensor, variance: Tensor, share: float | Tensor, count: int) -> None:
        """Move the running statistics towards those of ``count`` values in each channel."""
        if self.running_mean is None or self.running_var is None:
            return
        newest = (self.running_mean, mean, share), (self.running_var, variance, share * count / (count - 1))
        for running, statistic, factor in newest:  # as sums, for a difference of infinities is NaN
            kept = widen(running.value) * (1 - share)
            if isinstance(factor, Tensor):
                running.value.copy_(kept.add_(statistic.detach() * factor))
            else:
                running.value.copy_(kept.add_(statistic.detach(), alpha=factor))


def centred(
    x: Float[Tensor, "*shape"], axes: tuple[int, ...]
) -> tuple[Float[Tensor, "*shape"], Float[Tensor, "*reduced"], Float[Tensor, "*reduced"]]:
    """``x`` less its mean over the axes, that mean, and the variance, whose axes stay with size 1."""
    mean = x.mean(axes, keepdim=True)
    difference = x - mean
    missed = difference.mean(axes, keepdim=True)  # the rounding error of the mean
    difference -= missed.nan_to_num(0, 0, 0)  # where the mean is finite
    return difference, mean, difference.square().mean(axes, keepdim=True)
