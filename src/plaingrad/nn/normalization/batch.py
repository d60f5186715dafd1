"""Normalisation over the batch."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Buffer, Parameter, learned, shape


class BatchNorm1d(Module):
    r"""Normalises each channel to mean 0 and variance 1 over the batch, then scales and shifts it.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y} \\
        \frac{\partial \ell}{\partial x} &= \frac{w}{\sigma} \Big( \frac{\partial \ell}{\partial y}
            - \frac{1}{n} \frac{\partial \ell}{\partial b}
            - \frac{\hat x}{n} \odot \frac{\partial \ell}{\partial w} \Big)

    where bars and sums go over the n values of a channel. In evaluation the running mean and variance stand
    for those of the batch; they do not depend on x, and only :math:`w / \sigma` remains of the last equation.
    An empty batch leaves the running statistics alone. Half precision is computed in float32.

    Shapes: ``(batch, num_features)`` or ``(batch, num_features, length)``, kept.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the share of the newest batch in the running statistics; None for the mean over all batches.
        affine: whether to learn scale and shift.
        track_running_stats: whether to keep running statistics; without them, evaluation uses the batch's.
        device: where parameters and buffers live.
        dtype: their floating-point type.
        bias: whether to learn the shift, if there is a scale.

    Attributes:
        weight: the scale w, shape ``(num_features,)``, from 1; or None.
        bias: the shift b, shape ``(num_features,)``, from 0; or None.
        running_mean: shape ``(num_features,)``, from 0; or None.
        running_var: shape ``(num_features,)``, from 1, without bias (n - 1); or None.
        num_batches_tracked: how many batches the running statistics have seen; or None.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

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

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._expect(x)
        channels = (1, -1, 1)[: x.ndim]
        axes = (0, 2)[: x.ndim - 1]
        exact = widen(x)
        if self.training or self.running_mean is None or self.running_var is None:
            count = x.shape[0] * x.shape[2:].numel()
            if count == 1:
                raise ModuleError(self, f"expected more than one value per channel, got {shape(x)}")
            mean = exact.mean(axes, keepdim=True)
            centred = exact - mean
            missed = centred.mean(axes, keepdim=True)  # the rounding error of the mean
            centred -= missed.nan_to_num(0, 0, 0)  # where the mean is finite
            variance = centred.square().mean(axes, keepdim=True)
            self._track(mean.flatten(), variance.flatten(), count)
        else:
            count = None  # the statistics come from elsewhere
            centred = exact - self.running_mean.value.view(channels)
            variance = widen(self.running_var.value).view(channels)
        inverse = (variance + self.eps).rsqrt()
        normal = y = centred * inverse
        if self.weight is not None and self.bias is not None:
            y = torch.addcmul(self.bias.value.view(channels), normal, self.weight.value.view(channels))
        elif self.weight is not None:
            y = normal * self.weight.value.view(channels)
        elif self.bias is not None:
            y = normal + self.bias.value.view(channels)
        y = y.to(x.dtype)
        self.save((normal, inverse, count), y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        normal, inverse, count = self.restore(dy)
        axes = (0, 2)[: dy.ndim - 1]
        dx = exact = widen(dy)
        dweight = (exact * normal).sum(axes, keepdim=True)
        dbias = exact.sum(axes, keepdim=True)
        if count:
            dx = (exact - dbias / count).addcmul_(normal, dweight, value=-1 / count)
        if learned(self.bias):
            self.bias.grad.add_(dbias.flatten())
        if learned(self.weight):
            self.weight.grad.add_(dweight.flatten())
        if self.weight is not None:
            inverse = inverse * self.weight.value.view(inverse.shape)
        return (dx * inverse).to(dy.dtype)

    def _expect(self, x: Tensor) -> None:
        own = self.weight or self.running_mean
        dtype = "floating-point numbers" if own is None else own.value.dtype
        fits = x.is_floating_point() if own is None else x.dtype == dtype
        if x.ndim not in (2, 3) or x.shape[1] != self.num_features or not fits:
            sizes = f"(batch, {self.num_features}) or (batch, {self.num_features}, length)"
            raise ModuleError(self, f"expected input {sizes} of {dtype}, got {shape(x)} of {x.dtype}")

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        seen = self.num_batches_tracked.value.add_(1)
        if not count:
            return
        share = 1 / seen.item() if self.momentum is None else self.momentum
        newest = (self.running_mean, mean, share), (self.running_var, variance, share * count / (count - 1))
        for running, statistic, factor in newest:  # as sums, for a difference of infinities is NaN
            kept = widen(running.value) * (1 - share)
            running.value.copy_(kept.add_(statistic.detach(), alpha=factor))
