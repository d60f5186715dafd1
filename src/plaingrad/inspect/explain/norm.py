"""Formulas of p-norms and their derivatives."""

from __future__ import annotations

import math
from collections.abc import Sequence

from plaingrad.inspect.explain.expression import (
    Call,
    Constant,
    Expression,
    Power,
    Sum,
    absolute,
    largest,
    number,
    sign,
    sqrt,
)


def has_formula(p: float) -> bool:
    """True if the norm is written out: not the number of those other than 0, nor the smallest."""
    return p not in (0, -math.inf)


def p_norm(xs: Sequence[Expression], p: float) -> Expression:
    """The p-norm of some numbers."""
    if math.isinf(p):
        return largest(*map(absolute, xs))
    if p == 1:
        return Sum(map(absolute, xs))
    if p == 2:
        return sqrt(Sum(x**2 for x in xs))
    return root(Sum(Power(absolute(x), p) for x in xs), p)


def p_slope(x: Expression, y: Expression, p: float, sharing: int = 1) -> Expression:
    """Its derivative by one of them.

    Args:
        x: the one.
        y: the norm.
        p: of the norm.
        sharing: of an infinite p, how many numbers are as large.
    """
    if x.value == 0:
        return Constant(0)
    if math.isinf(p):
        if abs(x.value) != y.value:
            return Constant(0)
        return sign(x) if sharing == 1 else sign(x) / Constant(sharing)
    if p == 1:
        return sign(x)
    if p == 2:
        return x / y
    return sign(x) * power(absolute(x) / y, p - 1)


def power(x: Expression, p: float) -> Expression:
    """A power, without an exponent of 1."""
    return x if p == 1 else Power(x, p)


def root(part: Expression, p: float) -> Expression:
    """The p-th root; NaN of negative numbers."""
    if p == 1:
        return part
    if p == 2:
        return sqrt(part)

    def function(x: float) -> float:
        if x < 0:
            return math.nan
        return x ** (1 / p) if x else 0.0 if p > 0 else math.inf

    return Call("", part, function, rf"\left({{part}}\right)^{{1/{number(p)}}}")
