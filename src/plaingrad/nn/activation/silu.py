"""Inputs that open their own gate: the input times a sigmoid of itself."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.refusals import expect_float, refuse_inplace


class SiLU(Module):
    r"""The input times its logistic function, also known as swish.

    .. math::
        y = x\, \sigma(x), \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \big(\sigma(x) + y\,(1 - \sigma(x))\big)

    Shapes: any, kept.

    Args:
        inplace: only False; saved state must not be overwritten.

    Raises:
        ModuleError: ``inplace`` is True, or the input is not floating-point.

    Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2017.
    """

    def __init__(self, inplace: bool = False) -> None:
        refuse_inplace(self, inplace)

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        gate = x.sigmoid()
        y = x * gate
        self.save((gate, y), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        gate, y = self.restore(dy)
        return dy * (gate + y * (1 - gate))


class Hardswish(Module):
    r"""The input times its hard sigmoid: swish in three pieces, two straight and a parabola.

    .. math::
        g = \min\!\Big(\max\!\Big(\frac{x}{6} + \frac{1}{2},\, 0\Big),\, 1\Big), \qquad
        y = x\, g, \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \Big(g + \frac{x}{6}\,[\,|x| < 3\,]\Big)

    Shapes: any, kept. At the kinks, x = ±3, the derivative is that of the straight piece.

    Args:
        inplace: only False; saved state must not be overwritten.

    Raises:
        ModuleError: ``inplace`` is True, or the input is not floating-point.

    Source: A. Howard et al., "Searching for MobileNetV3", 2019.
    """

    def __init__(self, inplace: bool = False) -> None:
        refuse_inplace(self, inplace)

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        gate = (x / 6 + 0.5).clamp(0, 1)
        y = x * gate
        self.save((x, gate), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x, gate = self.restore(dy)
        return dy * (gate + (x / 6).masked_fill(x.abs() >= 3, 0))
