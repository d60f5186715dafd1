"""The gated linear unit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.scalars import ONE
from plaingrad.parameter import shape


class GLU(Module):
    r"""Gates one half of the input by the sigmoid of the other half.

    .. math::
        (a, b) = x, \qquad
        y = a \odot \sigma(b), \qquad
        \frac{\partial \ell}{\partial a} = \frac{\partial \ell}{\partial y} \odot \sigma(b), \qquad
        \frac{\partial \ell}{\partial b} =
        \frac{\partial \ell}{\partial y} \odot y\, (1 - \sigma(b))

    Shapes: ``(*, 2 n, *)`` to ``(*, n, *)`` at the axis ``dim``.

    Args:
        dim: the axis that is halved.

    Raises:
        ModuleError: the input has no such axis, one of odd size, or is not floating-point.

    Source: Y. Dauphin, A. Fan, M. Auli, D. Grangier, "Language modeling with gated
    convolutional networks", 2016.
    """

    def __init__(self, dim: int = -1) -> None:
        self.dim = dim

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        if not -x.ndim <= self.dim < x.ndim or x.shape[self.dim] % 2:
            raise ModuleError(self, f"expected an even size at axis {self.dim}, got input {shape(x)}")
        a, b = widen(x).chunk(2, self.dim)
        gate = b.sigmoid()
        product = a * gate
        y = narrow(product, x.dtype)
        self.save((gate, product), y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        gate, y = self.restore(dy)
        return narrow(torch.cat([dy * gate, (ONE - gate) * y * dy], self.dim), dy.dtype)
