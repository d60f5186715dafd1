"""The hyperbolic tangent, its piecewise linear stand-in, and their relative `Tanhshrink`."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.inplace import finish
from plaingrad.nn.common.refusals import expect_float
from plaingrad.nn.common.scalars import ONE
from plaingrad.nn.common.select import select


class Tanh(Module):
    r"""Squeezes the real line into (-1, 1).

    .. math::
        y = \tanh x, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot (1 - y^2)

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.

    Source: Y. LeCun, L. Bottou, G. Orr, K.-R. Müller, "Efficient BackProp", 1998.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        t = widen(x).tanh()
        y = narrow(t, x.dtype)
        self.save(t, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        t = self.restore(dy)
        return narrow((ONE - t * t).mul_(dy), dy.dtype)


class Hardtanh(Module):
    r"""Clamps values to an interval.

    .. math::
        y = \min(\max(x, \text{min\_val}), \text{max\_val}), \qquad
        \frac{\partial \ell}{\partial x} =
        \frac{\partial \ell}{\partial y} \odot [\text{min\_val} < x < \text{max\_val}]

    Shapes: any, kept. At the kinks the derivative is taken as 0.

    Args:
        min_val: the lower bound.
        max_val: the upper bound.
        inplace: whether to write the output over the input.
        min_value: an older name of ``min_val``; wins if given.
        max_value: an older name of ``max_val``; wins if given.

    Raises:
        ModuleError: nothing lies between the bounds, the input is not floating-point.

    Source: R. Collobert, "Large scale machine learning", 2004.
    """

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        self.inplace = inplace
        self.min_val = min_val if min_value is None else min_value
        self.max_val = max_val if max_value is None else max_value
        if not self.min_val < self.max_val:
            raise ModuleError(self, f"expected min_val < max_val, got {self.min_val} and {self.max_val}")

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        y = x.clamp(self.min_val, self.max_val)
        return finish(self, x, x, y)

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        x = widen(self.restore(dy))  # the bounds need not be numbers of half precision
        return select((x > self.min_val) & (x < self.max_val), dy)


class Tanhshrink(Module):
    r"""The input less its hyperbolic tangent: flat at 0, straight far away.

    .. math::
        y = x - \tanh x, \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y} \odot \tanh^2 x

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, ...]) -> Float[Tensor, ...]:
        expect_float(self, x)
        xw = widen(x)
        t = xw.tanh()
        y = narrow(xw - t, x.dtype)
        self.save(t, y)
        return y

    def backward(self, dy: Float[Tensor, ...]) -> Float[Tensor, ...]:
        t = self.restore(dy)
        return narrow(dy * (t * t), dy.dtype)
