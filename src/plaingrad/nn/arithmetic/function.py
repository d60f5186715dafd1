"""Functions of single numbers, applied to each element."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.refusals import expect_float


class Negative(Module):
    r"""The negative of each element.

    .. math::
        y = -x, \qquad \frac{\partial \ell}{\partial x} = -\frac{\partial \ell}{\partial y}

    Shapes: any, kept.
    """

    def forward(self, x: Tensor) -> Tensor:
        y = -x
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return -dy


class Abs(Module):
    r"""The absolute value of each element.

    .. math::
        y = |x|, \qquad
        \frac{\partial \ell}{\partial x} = \operatorname{sign}(x) \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.abs()
        self.save(x, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy * self.restore(dy).sign()


class Exp(Module):
    r"""The exponential of each element.

    .. math::
        y = e^x, \qquad \frac{\partial \ell}{\partial x} = y \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.exp()
        self.save(y, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy * self.restore(dy)


class Log(Module):
    r"""The natural logarithm of each element.

    .. math::
        y = \ln x, \qquad \frac{\partial \ell}{\partial x} = \frac{1}{x} \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.log()
        self.save(x, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy / self.restore(dy)


class Log1p(Module):
    r"""The natural logarithm of 1 and each element, exact near 0.

    .. math::
        y = \ln(1 + x), \qquad
        \frac{\partial \ell}{\partial x} = \frac{1}{1 + x} \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.log1p()
        self.save(x, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy / (self.restore(dy) + 1)


class Sqrt(Module):
    r"""The square root of each element.

    .. math::
        y = \sqrt{x}, \qquad \frac{\partial \ell}{\partial x} = \frac{1}{2 y} \frac{\partial \ell}{\partial y}

    Shapes: any, kept.

    Raises:
        ModuleError: the input is not floating-point.
    """

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.sqrt()
        self.save(y, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy / (2 * self.restore(dy))


class Clamp(Module):
    r"""Limits each element to a range.

    .. math::
        y = \min(\max(x, a), b), \qquad
        \frac{\partial \ell}{\partial x} = \frac{\partial \ell}{\partial y}\, [a \le x \le b]

    Shapes: any, kept.

    Args:
        min: the lower limit a, or None.
        max: the upper limit b, or None.

    Raises:
        ModuleError: there is no limit, or the input is not floating-point.
    """

    def __init__(self, min: int | float | None = None, max: int | float | None = None) -> None:
        if min is None and max is None:
            raise ModuleError(self, "expected min or max, got neither")
        self.min = min
        self.max = max

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        expect_float(self, x)
        y = x.clamp(self.min, self.max)
        inside = torch.ones_like(x, dtype=torch.bool)
        if self.min is not None:
            inside &= x >= self.min
        if self.max is not None:
            inside &= x <= self.max
        self.save(inside, y)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return dy.masked_fill(~self.restore(dy), 0)
