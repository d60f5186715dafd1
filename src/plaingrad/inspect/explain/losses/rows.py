"""The numbers of losses of whole rows of scores: the margins between right classes and all others."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Expression, Fraction, Sum, Symbol, holds, largest
from plaingrad.inspect.explain.loss import at, element_name
from plaingrad.inspect.explain.losses.pairs import WITHOUT, gradient_line, has_gradient, is_reduced, totalled
from plaingrad.inspect.explain.operations.names import Index, times
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, indexed, numbered


@explains(nn.MultiMarginLoss)
def margins(selected: Selection) -> Iterator[Section]:
    """One sample: what its right score exceeds each other one too little, and the gradient of one score."""
    call, module = selected.call, selected.module
    if not is_reduced(selected) or call.inputs[0].ndim != 2:
        yield WITHOUT
        return
    x, target = call.inputs
    n, c = selected.full
    delta, classes = Symbol(r"\delta", module.margin), x.shape[1]

    def short(i: int, k: int) -> Line:
        y = int(target[i])
        formula = largest(0, delta - at("x", x, (i, y)) + at("x", x, (i, k)))
        return Line(numbered(indexed("z", k), i), formula)

    def factor(i: int) -> Expression:
        y = int(target[i])
        above = 1.0 if module.weight is None else module.weight.value[y].item()
        top: Expression = Constant(1) if module.weight is None else Symbol(indexed("w", y), above)
        return Fraction(top, Symbol("C", classes))

    def lines(i: Index) -> list[Line]:
        zs = [short(i[0], k) for k in range(classes) if k != int(target[i])]
        powers = Sum(z.symbol if module.p == 1 else z.symbol**2 for z in zs)
        return [*zs, Line(element_name(i), factor(i[0]) * powers)]

    def slope(k: int) -> Expression:
        z = short(n, k).symbol
        return holds(z, ">", 0) if module.p == 1 else 2 * z

    yield from totalled(selected, (len(x),), (n,), lines)
    if has_gradient(selected):
        y = int(target[n])
        own = slope(c) if c != y else -Sum(slope(k) for k in range(classes) if k != y)
        line = gradient_line(selected, 0, at("x", x, (n, c)).name, (n, c), len(x), factor(n) * own)
        yield Section("backward", [line], f"The right class is {y + 1}.")


@explains(nn.MultiLabelMarginLoss)
def labels(selected: Selection) -> Iterator[Section]:
    """One sample: what each right score exceeds each wrong one too little, and the gradient of one score."""
    call = selected.call
    if not is_reduced(selected) or call.inputs[0].ndim != 2:
        yield WITHOUT
        return
    x, target = call.inputs
    n, c = selected.full
    classes = x.shape[1]

    def right(i: int) -> list[int]:
        named = target[i].tolist()
        return named[: named.index(-1)] if -1 in named else named

    def wrong(i: int) -> list[int]:
        return [k for k in range(classes) if k not in right(i)]

    def short(i: int, y: int, k: int) -> Line:
        formula = largest(0, 1 - at("x", x, (i, y)) + at("x", x, (i, k)))
        return Line(numbered(indexed("z", y, k), i), formula)

    def lines(i: Index) -> list[Line]:
        zs = [short(i[0], y, k) for y in right(i[0]) for k in wrong(i[0])]
        return [
            *zs,
            Line(element_name(i), Fraction(Constant(1), Symbol("C", classes)) * Sum(z.symbol for z in zs)),
        ]

    yield from totalled(selected, (len(x),), (n,), lines)
    if has_gradient(selected):
        ys = right(n)
        hits = [holds(short(n, y, c).symbol, ">", 0) for y in ys] if c not in ys else []
        misses = [holds(short(n, y, k).symbol, ">", 0) for y in ys if y == c for k in wrong(n)]
        count: Expression = Sum(hits) if c not in ys else -Sum(misses)
        slope = times(Fraction(Constant(1), Symbol("C", classes)), count)
        line = gradient_line(selected, 0, at("x", x, (n, c)).name, (n, c), len(x), slope)
        names = ", ".join(str(y + 1) for y in ys) or "none"
        yield Section("backward", [line], f"The right classes: {names}.")
