"""The Gaussian error linear unit."""

from __future__ import annotations

import math

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float


class GELU(Module):
    r"""The input times the probability that a standard normal number is below it.

    .. math::
        y = x\, \Phi(x), \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \big(\Phi(x) + x\, \Phi'(x)\big)

    Exactly, and as an approximation:

    .. math::
        \Phi(x) &= \tfrac{1}{2} \big(1 + \operatorname{erf} \tfrac{x}{\sqrt{2}}\big), &
        \Phi'(x) &= \tfrac{1}{\sqrt{2 \pi}}\, e^{-x^2 / 2} \\
        \Phi(x) &\approx \tfrac{1}{2} \big(1 + \tanh \sqrt{\tfrac{2}{\pi}} (x + 0.044715\, x^3)\big), &
        \Phi'(x) &\approx 2\, \Phi(x)\, (1 - \Phi(x)) \sqrt{\tfrac{2}{\pi}} (1 + 0.134145\, x^2)

    Shapes: any, kept.

    Args:
        approximate: ``"none"`` or ``"tanh"``.

    Raises:
        ModuleError: ``approximate`` is neither, or the input is not floating-point.

    Source: D. Hendrycks, K. Gimpel, "Gaussian error linear units (GELUs)", 2016.
    """

    def __init__(self, approximate: str = "none") -> None:
        if approximate not in ("none", "tanh"):
            raise ModuleError(self, f"expected approximate 'none' or 'tanh', got {approximate!r}")
        self.approximate = approximate

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        if self.approximate == "tanh":
            phi = 0.5 + 0.5 * (math.sqrt(2 / math.pi) * (xw + 0.044715 * xw**3)).tanh()
        else:
            phi = 0.5 + 0.5 * (xw / math.sqrt(2)).erf()
        y = narrow(xw * phi, x.dtype)
        self.save((xw, phi), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x, phi = self.restore(dy)
        if self.approximate == "tanh":
            dphi = math.sqrt(8 / math.pi) * phi * (1 - phi) * (1 + 0.134145 * x**2)
        else:
            dphi = (-0.5 * x**2).exp() / math.sqrt(2 * math.pi)
        return narrow(dy * (phi + x * dphi), dy.dtype)
