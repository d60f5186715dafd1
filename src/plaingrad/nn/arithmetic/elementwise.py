"""Sums, differences, products, quotients and powers, element by element."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen

Operand = Tensor | int | float

HALF = {torch.float16, torch.bfloat16}


class Elementwise(Module):
    """The base class of operations on operands that spread over one shape.

    An operand may be a number. The result of numbers alone, such as sizes, is a number, and has no gradient.
    Half precision is computed in float32.
    """

    def compute(self, function: Callable[..., Any], *operands: Operand) -> Any:
        """The function of the operands, which are saved unless they are all numbers."""
        dtypes = {x.dtype for x in operands if isinstance(x, Tensor)}
        is_half = len(dtypes) == 1 and dtypes <= HALF
        y = function(*map(exact, operands)).to(*dtypes) if is_half else function(*operands)
        if isinstance(y, Tensor):
            self.save(operands, y)
        return y


class Add(Elementwise):
    r"""The sum of its operands.

    .. math::
        y = \sum_i x_i, \qquad \frac{\partial \ell}{\partial x_i} = \frac{\partial \ell}{\partial y}

    where the gradient of an operand that was spread is summed over the axes along which it was.

    Shapes: operands that spread over one shape, to that shape.

    Raises:
        ModuleError: there is no operand, or they do not spread over one shape.
    """

    def forward(self, *operands: Operand) -> Any:
        expect_operands(self, operands)
        return self.compute(lambda *terms: functools.reduce(operator.add, terms), *operands)

    def backward(self, dy: Tensor) -> Any:
        operands = self.restore(dy)
        gradients = tuple(of_operand(dy, x) for x in operands)
        return gradients if len(gradients) > 1 else gradients[0]


class Multiply(Elementwise):
    r"""The product of its operands, element by element.

    .. math::
        y = \prod_i x_i, \qquad
        \frac{\partial \ell}{\partial x_i} = \frac{\partial \ell}{\partial y} \prod_{j \neq i} x_j

    Shapes: operands that spread over one shape, to that shape.

    Raises:
        ModuleError: there is no operand, or they do not spread over one shape.
    """

    def forward(self, *operands: Operand) -> Any:
        expect_operands(self, operands)
        return self.compute(lambda *factors: functools.reduce(operator.mul, factors), *operands)

    def backward(self, dy: Tensor) -> Any:
        operands = self.restore(dy)
        gradients = []
        for i, x in enumerate(operands):
            others = (*operands[:i], *operands[i + 1 :])
            gradients.append(of_operand(functools.reduce(operator.mul, map(exact, others), exact(dy)), x))
        return tuple(gradients) if len(gradients) > 1 else gradients[0]


class Subtract(Elementwise):
    r"""The difference of two operands.

    .. math::
        y = a - b, \qquad \frac{\partial \ell}{\partial a} = \frac{\partial \ell}{\partial y}, \qquad
        \frac{\partial \ell}{\partial b} = -\frac{\partial \ell}{\partial y}

    Shapes: operands that spread over one shape, to that shape.
    """

    def forward(self, a: Operand, b: Operand) -> Any:
        return self.compute(operator.sub, a, b)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = self.restore(dy)
        return of_operand(dy, a), of_operand(-dy, b)


class Divide(Elementwise):
    r"""The quotient of two operands.

    .. math::
        y = \frac{a}{b}, \qquad
        \frac{\partial \ell}{\partial a} = \frac{1}{b} \frac{\partial \ell}{\partial y}, \qquad
        \frac{\partial \ell}{\partial b} = -\frac{y}{b} \frac{\partial \ell}{\partial y}

    Shapes: operands that spread over one shape, to that shape.

    Args:
        rounding_mode: None; or ``"floor"`` or ``"trunc"`` for whole quotients, whose gradient is 0.

    Raises:
        ModuleError: the mode is none of these, or the operands do not spread over one shape.
    """

    def __init__(self, rounding_mode: str | None = None) -> None:
        if rounding_mode not in (None, "floor", "trunc"):
            raise ModuleError(self, f"expected rounding_mode None, 'floor' or 'trunc', got {rounding_mode!r}")
        self.rounding_mode = rounding_mode

    def forward(self, a: Operand, b: Operand) -> Any:
        if not isinstance(a, Tensor) and not isinstance(b, Tensor):
            quotient = a // b if self.rounding_mode == "floor" else a / b
            return int(quotient) if self.rounding_mode == "trunc" else quotient
        return self.compute(functools.partial(torch.div, rounding_mode=self.rounding_mode), a, b)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = self.restore(dy)
        if self.rounding_mode is not None:
            return of_operand(torch.zeros_like(dy), a), of_operand(torch.zeros_like(dy), b)
        left, right, dy = exact(a), exact(b), exact(dy)
        return of_operand(dy / right, a), of_operand(-dy * ((left / right) / right), b)


class Power(Elementwise):
    r"""One operand to the power of the other.

    .. math::
        y = a^b, \qquad
        \frac{\partial \ell}{\partial a} = b\, a^{b - 1} \frac{\partial \ell}{\partial y}, \qquad
        \frac{\partial \ell}{\partial b} = y \ln a \; \frac{\partial \ell}{\partial y}

    The gradient is 0 for a where b = 0, and for b where a = 0 and :math:`b \ge 0`.

    Shapes: operands that spread over one shape, to that shape.
    """

    def forward(self, a: Operand, b: Operand) -> Any:
        return self.compute(operator.pow, a, b)

    def backward(self, dy: Tensor) -> tuple[Tensor | None, Tensor | None]:
        a, b = self.restore(dy)
        dy = exact(dy)
        base, exponent = (torch.as_tensor(x, dtype=dy.dtype, device=dy.device) for x in (a, b))
        da = (dy * (exponent * base ** (exponent - 1))).masked_fill(exponent == 0, 0)
        nothing = (base == 0) & (exponent >= 0)
        db = dy * (base**exponent * base.log()).masked_fill(nothing, 0) if isinstance(b, Tensor) else dy
        return of_operand(da, a), of_operand(db, b)


class MatMul(Module):
    r"""The product of two matrices, of batches of them, or of vectors.

    .. math::
        Y = A B, \qquad
        \frac{\partial \ell}{\partial A} = \frac{\partial \ell}{\partial Y} B^\top, \qquad
        \frac{\partial \ell}{\partial B} = A^\top \frac{\partial \ell}{\partial Y}

    summed over the batch axes along which a matrix was spread.

    Shapes: ``(*batch, n, k)`` and ``(*batch, k, m)`` to ``(*batch, n, m)``; a vector ``(k,)`` is a row on the
    left or a column on the right, without that axis in the result.

    Raises:
        ModuleError: the shapes do not fit.
    """

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        y = a @ b
        self.save((a, b), y)
        return y

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        a, b = self.restore(dy)
        left = exact(a if a.ndim > 1 else a.unsqueeze(0))
        right = exact(b if b.ndim > 1 else b.unsqueeze(1))
        dy = exact(dy)
        if b.ndim == 1:
            dy = dy.unsqueeze(-1)
        if a.ndim == 1:
            dy = dy.unsqueeze(-2)
        da, db = dy @ right.mT, left.mT @ dy
        da, db = da.sum_to_size(left.shape).view(a.shape), db.sum_to_size(right.shape).view(b.shape)
        return narrow(da, a.dtype), narrow(db, b.dtype)


def expect_operands(module: Module, operands: tuple[Any, ...]) -> None:
    """Refuse a call without operands."""
    if not operands:
        raise ModuleError(module, "expected at least one operand, got none")


def of_operand(gradient: Tensor, x: Any) -> Tensor | None:
    """The gradient with respect to an operand, summed over the axes along which it was spread.

    None for numbers and for tensors of integers.
    """
    if not isinstance(x, Tensor) or not x.is_floating_point():
        return None
    return exact(gradient).sum_to_size(x.shape).to(x.dtype)


def exact(x: Any) -> Any:
    """A tensor in half precision as one in float32; anything else as it is."""
    return widen(x) if isinstance(x, Tensor) and x.dtype in HALF else x
