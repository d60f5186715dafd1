"""The rectifier and its relatives: values below a threshold become a constant."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn.activation.tanh import Hardtanh
from plaingrad.nn.common.half import widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.select import select


class ReLU(Module):
    r"""Passes positive values, and replaces negative ones by 0.

    .. math::
        y = \max(x, 0), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [x > 0]

    Shapes: any, kept. At the kink, x = 0, the derivative is taken as 0, as everywhere in the field.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: V. Nair, G. Hinton, "Rectified linear units improve restricted Boltzmann machines", 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        self.inplace = inplace

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        y = x.clamp_min(0)
        return finish(self, x, y, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        y = self.restore(dy)
        return select(y.bool(), dy)  # y is never negative


class ReLU6(Hardtanh):
    r"""Clamps to [0, 6]: `Hardtanh` with these bounds.

    .. math::
        y = \min(\max(x, 0), 6), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [0 < x < 6]

    Shapes: any, kept. At the kinks the derivative is taken as 0.

    Args:
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.

    Source: A. Krizhevsky, "Convolutional deep belief networks on CIFAR-10", 2010.
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)


class Threshold(Module):
    r"""Passes values above a threshold, and replaces the others by a constant.

    .. math::
        y = \begin{cases} x & x > \text{threshold} \\ \text{value} & \text{otherwise} \end{cases}, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot [x > \text{threshold}]

    Shapes: any, kept.

    Args:
        threshold: what an input must exceed to pass.
        value: what replaces an input that does not.
        inplace: whether to write the output over the input.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        self.inplace = inplace
        self.threshold = threshold
        self.value = value

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        low = widen(x) <= self.threshold
        y = x.masked_fill(low, self.value)
        return finish(self, x, ~low, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        high = self.restore(dy)
        return select(high, dy)
