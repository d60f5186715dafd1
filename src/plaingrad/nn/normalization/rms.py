"""Normalisation by the root mean square of the features of each sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.parameter import Parameter, learned, shape


class RMSNorm(Module):
    r"""Divides the last axes of each sample by their root mean square, then scales them.

    .. math::
        \hat x &= \frac{x}{\rho}, \qquad y = \hat x \odot w, \qquad \rho^2 = \overline{x^2} + \epsilon \\
        \frac{\partial \ell}{\partial x} &= \frac{1}{\rho} \Big( g
            - \hat x \odot \overline{g \odot \hat x} \Big), \qquad
            g = \frac{\partial \ell}{\partial y} \odot w \\
        \frac{\partial \ell}{\partial w} &= \sum_{\text{batch}} \frac{\partial \ell}{\partial y} \odot \hat x

    where a bar is the mean over the normalised axes. Half precision is computed in float32.

    Shapes: ``(*batch, *normalized_shape)``, kept.

    Args:
        normalized_shape: sizes of the last axes, over which to normalise.
        eps: added to the mean square; None for the distance from 1 to the next number, in float32 for half
            precision.
        elementwise_affine: whether to learn the scale.
        device: where the scale lives.
        dtype: its floating-point type.

    Attributes:
        weight: the scale w, shape ``normalized_shape``, from 1; or None.

    Raises:
        ModuleError: ``normalized_shape`` is empty, or the input's last axes or dtype do not fit.

    Source: B. Zhang, R. Sennrich, "Root mean square layer normalization", 2019.
    """

    weight: Parameter | None

    def __init__(
        self,
        normalized_shape: int | Sequence[int],
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        if not sizes:
            raise ModuleError(self, "expected a normalized_shape of at least one axis, got ()")
        self.normalized_shape = sizes
        self.axes = tuple(range(-len(sizes), 0))
        self.eps = eps
        scale = torch.empty(sizes, device=device, dtype=dtype) if elementwise_affine else None
        self.weight = None if scale is None else Parameter(scale)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Set the weight to 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, x: Float[Tensor, "*batch_and_features"]) -> Float[Tensor, "*batch_and_features"]:
        self._expect(x)
        exact = widen(x)
        eps = torch.finfo(exact.dtype).eps if self.eps is None else self.eps
        inverse = (exact.square().mean(self.axes, keepdim=True) + eps).rsqrt()
        normal = exact * inverse
        y = normal if self.weight is None else normal * self.weight.value
        y = y.to(x.dtype)
        self.save((normal, inverse), y)
        return y

    def backward(self, dy: Float[Tensor, "*batch_and_features"]) -> Float[Tensor, "*batch_and_features"]:
        normal, inverse = self.restore(dy)
        g = exact = widen(dy)
        if learned(self.weight):
            self.weight.grad.add_((exact * normal).sum_to_size(self.normalized_shape))
        if self.weight is not None:
            g = exact * self.weight.value
        along = (g * normal).mean(self.axes, keepdim=True)
        dx = (g - normal * along) * inverse
        return dx.to(dy.dtype)

    def _expect(self, x: Tensor) -> None:
        dtype = "floating-point numbers" if self.weight is None else self.weight.value.dtype
        fits = x.is_floating_point() if self.weight is None else x.dtype == dtype
        if x.shape[-len(self.axes) :] != self.normalized_shape or not fits:
            expected = f"input (*, {', '.join(map(str, self.normalized_shape))}) of {dtype}"
            raise ModuleError(self, f"expected {expected}, got {shape(x)} of {x.dtype}")
