"""Normalisation over the features of each sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Parameter, learned, shape


class LayerNorm(Module):
    r"""Normalises the last axes of each sample to mean 0 and variance 1, then scales and shifts them.

    .. math::
        \hat x &= \frac{x - \mu}{\sigma}, \qquad y = \hat x \odot w + b, \qquad
            \mu = \overline{x}, \quad \sigma^2 = \overline{(x - \mu)^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{1}{\sigma} \Big( g - \overline{g}
            - \hat x \odot \overline{g \odot \hat x} \Big), \qquad
            g = \frac{\partial \ell}{\partial y} \odot w \\
        \frac{\partial \ell}{\partial w} &= \sum_{\text{batch}} \frac{\partial \ell}{\partial y} \odot \hat x,
            \qquad \frac{\partial \ell}{\partial b} = \sum_{\text{batch}} \frac{\partial \ell}{\partial y}

    where a bar is the mean over the normalised axes. Half precision is computed in float32.

    Shapes: ``(*batch, *normalized_shape)``, kept.

    Args:
        normalized_shape: sizes of the last axes, over which to normalise.
        eps: added to the variance.
        elementwise_affine: whether to learn scale and shift.
        bias: whether to learn the shift, if there is a scale.
        device: where the parameters live.
        dtype: floating-point type of the parameters.

    Attributes:
        weight: the scale w, shape ``normalized_shape``, from 1; or None.
        bias: the shift b, shape ``normalized_shape``, from 0; or None.

    Raises:
        ModuleError: ``normalized_shape`` is empty, or the input's last axes or dtype do not fit.

    Source: J. Ba, J. Kiros, G. Hinton, "Layer normalization", 2016.
    """

    weight: Parameter | None
    bias: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not sizes:
            raise ModuleError(self, "expected a normalized_shape of at least one axis, got ()")
        self.normalized_shape = sizes
        self.axes = tuple(range(-len(sizes), 0))
        self.eps = eps
        affine, shifted = elementwise_affine, elementwise_affine and bias
        self.weight = Parameter(torch.empty(sizes, device=device, dtype=dtype)) if affine else None
        self.bias = Parameter(torch.empty(sizes, device=device, dtype=dtype)) if shifted else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1 and the bias to 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, x: Float[Tensor, "*batch_and_features"]) -> Float[Tensor, "*batch_and_features"]:
        self._expect(x)
        centred = widen(x)
        centred = centred - centred.mean(self.axes, keepdim=True)
        centred -= centred.mean(self.axes, keepdim=True)  # the rounding error of the mean
        inverse = (centred.square().mean(self.axes, keepdim=True) + self.eps).rsqrt()
        normal = y = centred * inverse
        if self.weight is not None and self.bias is not None:
            y = torch.addcmul(self.bias.value, normal, self.weight.value)
        elif self.weight is not None:
            y = normal * self.weight.value
        elif self.bias is not None:
            y = normal + self.bias.value
        y = y.to(x.dtype)
        self.save((normal, inverse), y)
        return y

    def backward(self, dy: Float[Tensor, "*batch_and_features"]) -> Float[Tensor, "*batch_and_features"]:
        normal, inverse = self.restore(dy)
        g = exact = widen(dy)
        if learned(self.weight):
            self.weight.grad.add_(self._sum_over_batch(exact * normal))
        if self.weight is not None:
            g = exact * self.weight.value
        if learned(self.bias):
            self.bias.grad.add_(self._sum_over_batch(exact))
        along = (g * normal).mean(self.axes, keepdim=True)
        dx = (g - g.mean(self.axes, keepdim=True)).addcmul_(normal, along, value=-1).mul_(inverse)
        return dx.to(dy.dtype)

    def _sum_over_batch(self, x: Float[Tensor, "*batch_and_features"]) -> Float[Tensor, "*features"]:
        samples = x.shape[: x.ndim - len(self.axes)].numel()
        return x.reshape(samples, *self.normalized_shape).sum(0)

    def _expect(self, x: Tensor) -> None:
        dtype = "floating-point numbers" if self.weight is None else self.weight.value.dtype
        fits = x.is_floating_point() if self.weight is None else x.dtype == dtype
        if x.shape[-len(self.axes) :] != self.normalized_shape or not fits:
            expected = f"input (*, {', '.join(map(str, self.normalized_shape))}) of {dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
