"""Smooth rectifiers built on log(1 + exp(x)), and the softsign."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.scalars import ONE, ZERO


def softplus(x: Float[Tensor, ...]) -> Float[Tensor, ...]:
    """log(1 + exp(x)) without overflow, as log(exp(x) + exp(0))."""
    return torch.logaddexp(x, ZERO)


class Softplus(Module):
    r"""A rectifier with a rounded corner.

    .. math::
        y = \frac{1}{\beta} \log\big(1 + e^{\beta x}\big), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot \sigma(\beta x)

    Where β x exceeds the threshold, y = x instead, with derivative 1.

    Shapes: any, kept.

    Args:
        beta: how sharp the corner is.
        threshold: beyond which value of β x the line is taken for the curve.

    Raises:
        ModuleError: the input is not floating-point.

    Source: C. Dugas, Y. Bengio, F. Bélisle, C. Nadeau, R. Garcia, "Incorporating second-order functional
    knowledge for better option pricing", 2000.
    """

    def __init__(self, beta: float = 1.0, threshold: float = 20.0) -> None:
        self.beta = beta
        self.threshold = threshold

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        z = self.beta * xw
        straight = z > self.threshold
        curve = softplus(z)
        y = narrow(torch.where(straight, xw, curve / self.beta), x.dtype)
        self.save((straight, z, curve), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        straight, z, curve = self.restore(dy)
        slope = (z - curve).exp_()  # sigmoid(z) = e^z / e^softplus(z), down to the smallest numbers
        return torch.where(straight, dy, narrow(slope.mul_(dy), dy.dtype))


class Mish(Module):
    r"""The input times a gate that follows its softplus.

    .. math::
        g = \tanh \log(1 + e^x), \qquad
        y = x\, g, \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot \big(g + x\, (1 - g^2)\, \sigma(x)\big)

    Shapes: any, kept.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: D. Misra, "Mish: a self regularized non-monotonic activation function", 2019.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        gate = softplus(xw).tanh()
        y = narrow(xw * gate, x.dtype)
        return finish(self, x, (xw, gate), y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x, gate = self.restore(dy)
        slope = (ONE - gate * gate).mul_(x).mul_(x.sigmoid()).add_(gate)
        return narrow(slope.mul_(dy), dy.dtype)


class Softsign(Module):
    r"""Squeezes the real line into (-1, 1), more slowly than tanh.

    .. math::
        y = \frac{x}{1 + |x|}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot \frac{1}{(1 + |x|)^2}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.

    Source: J. Bergstra, G. Desjardins, P. Lamblin, Y. Bengio, "Quadratic polynomials learn better image
    features", 2009.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        scale = ONE + xw.abs()
        y = narrow(xw / scale, x.dtype)
        self.save(scale, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        scale = self.restore(dy)
        return narrow(dy / (scale * scale), dy.dtype)
