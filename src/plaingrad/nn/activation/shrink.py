"""Shrinkage: small values become 0."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.select import select


class Softshrink(Module):
    r"""Moves values towards 0 by λ, without crossing 0.

    .. math::
        y = x - \min(\max(x, -\lambda), \lambda), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [\,|x| > \lambda\,]

    Shapes: any, kept. At the kinks, x = ±λ, the derivative is taken as 0.

    Args:
        lambd: how far, λ.

    Raises:
        ModuleError: ``lambd`` is negative, or the input is not floating-point.

    Source: D. Donoho, "De-noising by soft-thresholding", 1995.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        if not lambd >= 0:
            raise ModuleError(self, f"expected lambd >= 0, got {lambd}")
        self.lambd = lambd

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        y = narrow(xw - xw.clamp(-self.lambd, self.lambd), x.dtype)
        self.save(xw.abs() > self.lambd, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        large = self.restore(dy)
        return select(large, dy)


class Hardshrink(Module):
    r"""Replaces small values by 0, and passes the others.

    .. math::
        y = x \odot [\,|x| > \lambda\,], \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [\,|x| > \lambda\,]

    Shapes: any, kept.

    Args:
        lambd: what counts as small, λ; nothing does if it is negative.

    Raises:
        ModuleError: the input is not floating-point.

    Source: D. Donoho, I. Johnstone, "Ideal spatial adaptation by wavelet shrinkage", 1994.
    """

    def __init__(self, lambd: float = 0.5) -> None:
        self.lambd = lambd

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        small = widen(x).abs() <= self.lambd
        y = x.masked_fill(small, 0)
        self.save(~small, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        large = self.restore(dy)
        return select(large, dy)
