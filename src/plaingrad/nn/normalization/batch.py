"""Normalisation over the batch."""

from __future__ import annotations

from collections.abc import Container
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.normalization.channels import ChannelNorm, centred
from plaingrad.parameter import learned, shape


class BatchNorm(ChannelNorm):
    """The normalisation of inputs with any number of axes; the classes below admit some of them."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        self._expect(x)
        axes, channels = (0, *range(2, x.ndim)), (1, -1, *[1] * (x.ndim - 2))
        exact = widen(x)
        if self.training or self.running_mean is None or self.running_var is None:
            count = x.shape[0] * x.shape[2:].numel()
            if count == 1:
                raise ModuleError(self, f"expected more than one value per channel, got {shape(x)}")
            difference, mean, variance = centred(exact, axes)
            self._track(mean.flatten(), variance.flatten(), count)
        else:
            count = None  # the statistics come from elsewhere
            difference = exact - self.running_mean.value.view(channels)
            variance = widen(self.running_var.value).view(channels)
        inverse = (variance + self.eps).rsqrt()
        normal = difference * inverse
        y = self._scaled(normal, channels).to(x.dtype)
        self.save((normal, inverse, count), y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        normal, inverse, count = self.restore(dy)
        axes = (0, *range(2, dy.ndim))
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

    def _track(self, mean: Tensor, variance: Tensor, count: int) -> None:
        if self.num_batches_tracked is None:
            return
        seen = self.num_batches_tracked.value.add_(1)
        if count:
            share = seen.to(mean.dtype).reciprocal() if self.momentum is None else self.momentum
            self._move(mean, variance, share, count)


class BatchNorm1d(BatchNorm):
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

    ranks: ClassVar[Container[int]] = (2, 3)
    sizes: ClassVar[str] = "(batch, {}) or (batch, {}, length)"


class BatchNorm2d(BatchNorm):
    r"""Normalises each channel of images to mean 0 and variance 1 over the batch, then scales and shifts it.

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

    Shapes: ``(batch, num_features, rows, columns)``, kept.

    Arguments and attributes are those of `BatchNorm1d`.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

    ranks: ClassVar[Container[int]] = (4,)
    sizes: ClassVar[str] = "(batch, {}, rows, columns)"


class BatchNorm3d(BatchNorm):
    r"""Normalises each channel of volumes to mean 0 and variance 1 over the batch, then scales and shifts it.

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

    Shapes: ``(batch, num_features, depth, rows, columns)``, kept.

    Arguments and attributes are those of `BatchNorm1d`.

    Raises:
        ModuleError: the input's shape or dtype does not fit, or a channel has a single value to normalise.

    Source: S. Ioffe, C. Szegedy, "Batch normalization: accelerating deep network training by reducing
    internal covariate shift", 2015.
    """

    ranks: ClassVar[Container[int]] = (5,)
    sizes: ClassVar[str] = "(batch, {}, depth, rows, columns)"
