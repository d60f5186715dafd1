"""The numbers of normalisation by the squares of neighbouring channels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Fraction, Power, Product, Sum, Symbol
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed


@explains(nn.LocalResponseNorm, nn.CrossMapLRN2d)
def response(selected: Selection) -> Iterator[Section]:
    """One element: the sum of the squares around it, its power, and the gradient from all sums with it."""
    module, (c, *rest) = selected.module, selected.unit
    column: tuple[Any, ...] = (slice(None), *rest)
    values = selected.x[column].tolist()
    xs = [Symbol(indexed("x", j, *rest), value) for j, value in enumerate(values)]
    k, alpha, n = Symbol("k", module.k), Symbol(r"\alpha", module.alpha), Symbol("n", module.size)

    def sum_of(j: int) -> Line:
        squares = Sum(xs[i] ** 2 for i in around(module, j, len(xs)))
        return Line(indexed("s", j, *rest), k + alpha / n * squares)

    beta = module.beta
    s = sum_of(c)
    y = Line(indexed("y", *selected.unit), xs[c] / Power(s.symbol, beta), selected.y[selected.unit].item())
    yield Section("forward", [s, y], f"The exponent is β = {beta:g}.")
    if selected.dy is None or selected.dx is None:
        return
    dys = [
        Symbol(derivative(indexed("y", j, *rest)), value)
        for j, value in enumerate(selected.dy[column].tolist())
    ]
    users = [j for j in range(len(xs)) if c in around(module, j, len(xs))]
    shared = Sum(Product([dys[j], xs[j], Power(sum_of(j).symbol, -beta - 1)]) for j in users)
    factor = Fraction(Product([Constant(2), alpha, Symbol(r"\beta", beta)]), n)
    dx = dys[c] / Power(s.symbol, beta) - Product([factor, xs[c], shared])
    yield Section("backward", [Line(derivative(xs[c].name), dx, selected.dx[selected.unit].item())])


def around(module: nn.LocalResponseNorm, c: int, channels: int) -> list[int]:
    """The channels whose squares are in the sum of channel c."""
    if isinstance(module, nn.CrossMapLRN2d):
        radius = (module.size - 1) // 2
        first = [0] if c > radius else []
        return [*first, *range(max(0, c - radius), min(channels, c + radius + 1))]
    return list(range(max(0, c - module.size // 2), min(channels, c + (module.size - 1) // 2 + 1)))
