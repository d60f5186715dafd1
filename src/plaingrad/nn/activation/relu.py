"""The rectifier and its relatives: linear on the positive side."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.activation.inplace import refuse_inplace


class ReLU(Module):
    r"""Passes what is positive.

    .. math::
        y = \max(x, 0), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [x > 0]

    Shapes: any, kept. At the kink, x = 0, the derivative is taken as 0, as everywhere in the field.

    Args:
        inplace: only False; saved state must not be overwritten.

    Raises:
        ValueError: ``inplace`` is True.

    Source: V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        refuse_inplace(self, inplace)

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        y = x.clamp(min=0)
        self.save(y, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        y = self.restore(dy)
        return dy * y.sign()  # y is never negative, so its sign is [x > 0]
