"""The numbers of dropout; what was drawn shows in what came out."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Expression, Symbol, sqrt
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, gradient, indexed, symbol
from plaingrad.nn.dropout.alpha import SATURATION


@explains(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
def dropout(selected: Selection) -> Iterator[Section]:
    """One element: kept and scaled, or dropped."""
    p, unit = selected.module.p, selected.unit
    x, y = symbol("x", selected.x, *unit), symbol("y", selected.y, *unit)
    if not selected.call.training or p == 0:
        yield Section("forward", [Line(y.name, x, y.value)], "Nothing is dropped.")
        mask = Symbol("m", 1)
    else:
        before, after = selected.x, selected.y
        if not x.value and selected.dy is not None and selected.dx is not None:
            before, after = selected.dy, selected.dx  # they pass through the same mask
        is_kept = bool(after[unit]) or not before[unit]
        mask = Symbol(indexed("m", *unit), 1 / (1 - p) if is_kept and p < 1 else 0)
        lines = [Line(mask.name, 1 / (1 - Symbol("p", p)))] if mask.value else []
        note = "The element is kept, and scaled." if mask.value else "The element is dropped: m is 0."
        yield Section("forward", [*lines, Line(y.name, x * mask, y.value)], note)
    if selected.dy is not None and selected.dx is not None:
        dx = gradient("y", selected.dy, *unit) * mask
        yield Section("backward", [Line(derivative(x.name), dx, selected.dx[unit].item())])


@explains(nn.AlphaDropout, nn.FeatureAlphaDropout)
def alpha_dropout(selected: Selection) -> Iterator[Section]:
    """One element: kept, or set to where SELU saturates; both scaled and shifted."""
    p, unit = selected.module.p, selected.unit
    x, y = symbol("x", selected.x, *unit), symbol("y", selected.y, *unit)
    dy, dx = selected.dy, selected.dx
    if not selected.call.training or p == 0:
        slope: Expression = Constant(1)
        yield Section("forward", [Line(y.name, x, y.value)], "Nothing is dropped.")
    elif p == 1:
        slope = Constant(0)
        yield Section("forward", [Line(y.name, Constant(0), y.value)], "Everything is dropped.")
    else:
        s, share = Symbol("s", SATURATION), Symbol("p", p)
        a = Line("a", 1 / sqrt((1 - share) * (1 + share * s**2)))
        kept, dropped = a.symbol * (x + s * share), a.symbol * (s * share - s)
        is_kept = abs(kept.value - y.value) <= abs(dropped.value - y.value)
        slope = a.symbol if is_kept else Constant(0)
        note = "The element is kept." if is_kept else "The element is dropped: -s stands for it."
        yield Section("forward", [a, Line(y.name, kept if is_kept else dropped, y.value)], note)
    if dy is not None and dx is not None:
        line = Line(derivative(x.name), slope * gradient("y", dy, *unit), dx[unit].item())
        yield Section("backward", [line])
