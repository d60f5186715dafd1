"""Self-gated activations: the input times a sigmoid of itself."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.scalars import ONE
from plaingrad.nn.common.select import select


class SiLU(Module):
    r"""The input times its logistic function, also known as swish.

    .. math::
        y = x\, \sigma(x), \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \big(\sigma(x) + y\,(1 - \sigma(x))\big)

    Shapes: any, kept.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: S. Elfwing, E. Uchibe, K. Doya, "Sigmoid-weighted linear units for neural network function
    approximation in reinforcement learning", 2017.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        gate = xw.sigmoid()
        product = xw * gate
        y = narrow(product, x.dtype)
        return finish(self, x, (gate, product), y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        gate, y = self.restore(dy)
        return narrow((ONE - gate).mul_(y).add_(gate).mul_(dy), dy.dtype)


class Hardswish(Module):
    r"""The input times its hard sigmoid: swish in three pieces, two straight and a parabola.

    .. math::
        g = \min\!\Big(\max\!\Big(\frac{x}{6} + \frac{1}{2},\, 0\Big),\, 1\Big), \qquad
        y = x\, g, \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \Big(g + \frac{x}{6}\,[\,|x| < 3\,]\Big)

    Shapes: any, kept. At the kinks, x = ±3, the derivative is that of the straight piece.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: A. Howard et al., "Searching for MobileNetV3", 2019.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        y = narrow(xw * (xw / 6 + 0.5).clamp(0, 1), x.dtype)
        return finish(self, x, x, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.restore(dy)
        parabola = narrow((widen(x) / 3).add_(0.5).mul_(dy), dy.dtype)
        return select(~(x <= -3), torch.where(x >= 3, dy, parabola))
