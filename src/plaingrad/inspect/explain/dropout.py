"""The numbers of dropout; what was drawn shows in what came out."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Symbol
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, gradient, indexed, symbol


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
