"""Normalisation of each channel of each sample."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.normalization.channels import ChannelNorm, centred
from plaingrad.parameter import learned, shape


class InstanceNorm(ChannelNorm):
    """The normalisation of inputs with any number of axes; the classes below admit some of them."""

    ranks: ClassVar[tuple[int, int]]  # of a single sample and of a batch

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias)

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._expect(x, axis=1 - self.ranks[1])
        exact = widen(x if x.ndim == self.ranks[1] else x.unsqueeze(0))
        axes, channels = tuple(range(2, exact.ndim)), (1, -1, *[1] * (exact.ndim - 2))
        if self.training or self.running_mean is None or self.running_var is None:
            count = exact.shape[2:].numel()
            if count == 1:
                raise ModuleError(self, f"expected more than one value per channel, got {shape(x)}")
            difference, mean, variance = centred(exact, axes)
            if exact.numel():
                self._move(mean.mean(0).flatten(), variance.mean(0).flatten(), self.momentum or 0.0, count)
        else:
            count = None  # the statistics come from elsewhere
            difference = exact - self.running_mean.value.view(channels)
            variance = widen(self.running_var.value).view(channels)
        inverse = (variance + self.eps).rsqrt()
        normal = difference * inverse
        y = self._scaled(normal, channels).to(x.dtype).view(x.shape)
        self.save((normal, inverse, count), y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        normal, inverse, count = self.restore(dy)
        axes, channels = tuple(range(2, normal.ndim)), (1, -1, *[1] * (normal.ndim - 2))
        dx = exact = widen(dy).reshape(normal.shape)
        dweight = (exact * normal).sum(axes, keepdim=True)  # of each sample
        dbias = exact.sum(axes, keepdim=True)
        if count:
            dx = (exact - dbias / count).addcmul_(normal, dweight, value=-1 / count)
        if learned(self.bias):
            self.bias.grad.add_(dbias.sum(0).flatten())
        if learned(self.weight):
            self.weight.grad.add_(dweight.sum(0).flatten())
        if self.weight is not None:
            inverse = inverse * self.weight.value.view(channels)
        return (dx * inverse).to(dy.dtype).view(dy.shape)


class InstanceNorm1d(InstanceNorm):
    r"""Normalises each channel of each sequence to mean 0 and variance 1, then scales and shifts it.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{w}{\sigma} \Big( \frac{\partial \ell}{\partial y}
            - \overline{\frac{\partial \ell}{\partial y}}
            - \hat x \odot \overline{\frac{\partial \ell}{\partial y} \odot \hat x} \Big) \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y}

    where bars go over the values of one channel of one sample, sums over all values of a channel. In
    evaluation, running statistics, if there are any, stand for those of the sample; they do not depend on x,
    and only the first term of the gradient remains. Half precision is computed in float32.

    Shapes: ``(num_features, length)`` or ``(batch, num_features, length)``, kept.

    Args:
        num_features: the number of channels.
        eps: added to the variance.
        momentum: the share of the newest batch, the mean over its samples, in the running statistics; None
            for 0.
        affine: whether to learn scale and shift.
        track_running_stats: whether to keep running statistics, and normalise by them in evaluation.
        device: where parameters and buffers live.
        dtype: their floating-point type.
        bias: whether to learn the shift, if there is a scale.

    Attributes:
        weight: the scale w, shape ``(num_features,)``, from 1; or None.
        bias: the shift b, shape ``(num_features,)``, from 0; or None.
        running_mean: shape ``(num_features,)``, from 0; or None.
        running_var: shape ``(num_features,)``, from 1, without bias (n - 1); or None.
        num_batches_tracked: 0, as in torch.nn, which counts no batches here; or None.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", 2016.
    """

    ranks: ClassVar[tuple[int, int]] = (2, 3)
    sizes: ClassVar[str] = "({}, length) or (batch, {}, length)"


class InstanceNorm2d(InstanceNorm):
    r"""Normalises each channel of each image to mean 0 and variance 1, then scales and shifts it.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{w}{\sigma} \Big( \frac{\partial \ell}{\partial y}
            - \overline{\frac{\partial \ell}{\partial y}}
            - \hat x \odot \overline{\frac{\partial \ell}{\partial y} \odot \hat x} \Big) \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y}

    where bars go over the values of one channel of one sample, sums over all values of a channel. In
    evaluation, running statistics, if there are any, stand for those of the sample; they do not depend on x,
    and only the first term of the gradient remains. Half precision is computed in float32.

    Shapes: ``(num_features, rows, columns)`` or ``(batch, num_features, rows, columns)``, kept.

    Arguments and attributes are those of `InstanceNorm1d`.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", 2016.
    """

    ranks: ClassVar[tuple[int, int]] = (3, 4)
    sizes: ClassVar[str] = "({}, rows, columns) or (batch, {}, rows, columns)"


class InstanceNorm3d(InstanceNorm):
    r"""Normalises each channel of each volume to mean 0 and variance 1, then scales and shifts it.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{w}{\sigma} \Big( \frac{\partial \ell}{\partial y}
            - \overline{\frac{\partial \ell}{\partial y}}
            - \hat x \odot \overline{\frac{\partial \ell}{\partial y} \odot \hat x} \Big) \\
        \frac{\partial \ell}{\partial w} &= \sum \frac{\partial \ell}{\partial y} \odot \hat x, \qquad
            \frac{\partial \ell}{\partial b} = \sum \frac{\partial \ell}{\partial y}

    where bars go over the values of one channel of one sample, sums over all values of a channel. In
    evaluation, running statistics, if there are any, stand for those of the sample; they do not depend on x,
    and only the first term of the gradient remains. Half precision is computed in float32.

    Shapes: ``(num_features, depth, rows, columns)`` or ``(batch, num_features, depth, rows, columns)``, kept.

    Arguments and attributes are those of `InstanceNorm1d`.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: D. Ulyanov, A. Vedaldi, V. Lempitsky, "Instance normalization: the missing ingredient for fast
    stylization", 2016.
    """

    ranks: ClassVar[tuple[int, int]] = (4, 5)
    sizes: ClassVar[str] = "({}, depth, rows, columns) or (batch, {}, depth, rows, columns)"
