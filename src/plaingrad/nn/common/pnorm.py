"""The p-norm along the last axis, and the distance that it measures."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.parameter import shape


def pnorm(x: Tensor, p: float) -> Tensor:
    """The p-norm of vectors, which lie along the last axis."""
    return torch.linalg.vector_norm(x, p, -1)


def pnorm_backward(x: Tensor, norm: Tensor, p: float, dnorm: Tensor) -> Tensor:
    r"""The gradient with respect to vectors, of those with respect to their p-norms.

    .. math::
        \frac{\partial \lVert x \rVert_p}{\partial x_i}
            = \operatorname{sign}(x_i) \Big(\frac{|x_i|}{\lVert x \rVert_p}\Big)^{p-1}

    It is taken as 0 where x is 0. For an infinite p it goes to the elements of that size, in equal parts.
    """
    size = x.abs()
    if x.ndim:  # else x is a single number
        norm, dnorm = norm.unsqueeze(-1), dnorm.unsqueeze(-1)
    if p == 0:
        return torch.zeros_like(x)
    if math.isinf(p):
        extreme = (size == norm).to(x.dtype)
        return x.sign() * extreme * (dnorm / extreme.sum(-1, keepdim=True).clamp(min=1))
    slope = x.sign() * (size / norm).pow(p - 1)
    return slope.masked_fill_(x == 0, 0) * dnorm


class PNormDistance(Module):
    r"""The distance between pairs of vectors, in the p-norm.

    .. math::
        y = \lVert x_1 - x_2 + \epsilon \rVert_p, \qquad
        \frac{\partial \ell}{\partial x_1} = -\frac{\partial \ell}{\partial x_2}
            = \frac{\partial \ell}{\partial y}
              \frac{\partial \lVert x_1 - x_2 + \epsilon \rVert_p}{\partial (x_1 - x_2 + \epsilon)}

    Shapes: both inputs ``(*batch, features)``, to ``(*batch,)``.

    Args:
        p: the order of the norm.
        eps: added to each difference.

    Raises:
        ModuleError: the inputs differ in shape or dtype, or are of integers.
    """

    def __init__(self, p: float = 2.0, eps: float = 1e-6) -> None:
        self.p = p
        self.eps = eps

    def forward(
        self, x1: Float[Tensor, "*batch features"], x2: Float[Tensor, "*batch features"]
    ) -> Float[Tensor, "*batch"]:
        if x1.shape != x2.shape or x1.dtype != x2.dtype or not x1.is_floating_point():
            got = f"{shape(x1)} of {x1.dtype} and {shape(x2)} of {x2.dtype}"
            raise ModuleError(self, f"expected two inputs (*, features) alike, of floating point, got {got}")
        difference = widen(x1) - widen(x2) + self.eps
        distance = pnorm(difference, self.p)
        y = narrow(distance, x1.dtype)
        self.save((difference, distance), y)
        return y

    def backward(
        self, dy: Float[Tensor, "*batch"]
    ) -> tuple[Float[Tensor, "*batch features"], Float[Tensor, "*batch features"]]:
        difference, distance = self.restore(dy)
        dx1 = narrow(pnorm_backward(difference, distance, self.p, widen(dy)), dy.dtype)
        return dx1, -dx1
