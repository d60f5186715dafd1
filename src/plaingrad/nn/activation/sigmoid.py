"""The logistic function, its logarithm, and its piecewise linear stand-in."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.activation.softplus import softplus
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.scalars import ONE
from plaingrad.nn.common.select import select


class Sigmoid(Module):
    r"""Squeezes the real line into (0, 1).

    .. math::
        y = \sigma(x) = \frac{1}{1 + e^{-x}}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot y (1 - y)

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.

    Source: P.-F. Verhulst, "Recherches mathématiques sur la loi d'accroissement de la population", 1845.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        s = widen(x).sigmoid()
        y = narrow(s, x.dtype)
        self.save(s, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        s = self.restore(dy)
        return narrow((ONE - s).mul_(s).mul_(dy), dy.dtype)


class LogSigmoid(Module):
    r"""The logarithm of the logistic function, finite where the function itself underflows.

    .. math::
        y = \log \sigma(x) = -\log(1 + e^{-x}), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot \sigma(-x)

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        log_sigmoid = -softplus(-widen(x))
        y = narrow(log_sigmoid, x.dtype)
        self.save(log_sigmoid, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        y = self.restore(dy)
        return narrow(y.expm1().neg_().mul_(dy), dy.dtype)  # 1 - e^y keeps its digits where y is tiny


class Hardsigmoid(Module):
    r"""The logistic function in three straight pieces.

    .. math::
        y = \min\!\Big(\max\!\Big(\frac{x}{6} + \frac{1}{2},\, 0\Big),\, 1\Big), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot \frac{[\,|x| < 3\,]}{6}

    Shapes: any, kept. At the kinks, x = ±3, the derivative is taken as 0.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: M. Courbariaux, Y. Bengio, J.-P. David, "BinaryConnect: training deep neural networks with binary
    weights during propagations", 2015.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        y = narrow((widen(x) / 6 + 0.5).clamp(0, 1), x.dtype)
        return finish(self, x, x, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.restore(dy)
        return select(x.abs() < 3, dy / 6)
