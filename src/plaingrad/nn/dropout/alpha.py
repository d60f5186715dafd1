"""Dropout that keeps mean and variance, for networks of `SELU`."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.dropout.dropout import Dropout
from plaingrad.parameter import shape

SATURATION = 1.7580993408473766  # of SELU far below 0, without its sign


class AlphaDropout(Dropout):
    r"""Sets elements to the value at which `SELU` saturates in training, and keeps mean 0 and variance 1.

    .. math::
        y = a\,(x \odot m - s\,(1 - m) + s p), \qquad
        \frac{\partial \ell}{\partial x} = a\, \frac{\partial \ell}{\partial y} \odot m, \qquad
        m_i = \begin{cases} 0 & \text{with probability } p \\ 1 & \text{otherwise} \end{cases}

    where s = 1.758... is minus the value of `SELU` far below 0, and :math:`a = ((1 - p)(1 + p s^2))^{-1/2}`.
    With p = 1, y = 0. In evaluation, y = x. Half precision is computed in float32.

    Shapes: any, kept.

    Args:
        p: the probability of each element to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point.

    Source: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", 2017.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        if not self.training or self.p == 0:
            self.save(None, x)
            return x
        m = self.draw(x)
        a = 0.0 if self.p == 1 else 1 / math.sqrt((1 - self.p) * (1 + self.p * SATURATION**2))
        y = widen(x) * (m * a) + ((m - 1) * (SATURATION * a) + SATURATION * a * self.p)
        y = narrow(y, x.dtype)
        return finish(self, x, m * a, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        slope = self.restore(dy)
        return dy if slope is None else narrow(widen(dy) * slope, dy.dtype)

    def draw(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mask m, with the random numbers that torch.nn would draw from this generator."""
        if self.p == 1:
            return widen(torch.zeros_like(x))
        return widen(torch.empty_like(x).bernoulli_(1 - self.p, generator=self.generator))


class FeatureAlphaDropout(AlphaDropout):
    r"""Sets channels to the value at which `SELU` saturates in training, and keeps mean 0 and variance 1.

    .. math::
        y_{nc} = a\,(m_{nc}\, x_{nc} - s\,(1 - m_{nc}) + s p), \qquad
        \frac{\partial \ell}{\partial x_{nc}} = a\, m_{nc} \frac{\partial \ell}{\partial y_{nc}}, \qquad
        m_{nc} = \begin{cases} 0 & \text{with probability } p \\ 1 & \text{otherwise} \end{cases}

    for each channel c of each sample n, with a and s as in `AlphaDropout`. In evaluation, y = x.

    Shapes: ``(batch, channels, *)``, kept.

    Args:
        p: the probability of each channel to be dropped.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: ``p`` is no probability, or the input is not floating-point or
            has no channels to drop.

    Source: G. Klambauer, T. Unterthiner, A. Mayr, S. Hochreiter, "Self-normalizing neural networks", 2017.
    """

    def draw(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        """The mask m, of size 1 along the positions."""
        if self.p < 1 and x.numel() and x.ndim < 2:
            raise ModuleError(self, f"expected input (batch, channels, *), got {shape(x)}")
        return super().draw(x.new_empty([*x.shape[:2], *[1] * (x.ndim - 2)]))
