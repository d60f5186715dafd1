"""The numbers of shortcuts."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Symbol
from plaingrad.inspect.explain.inner import inside
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, gradient, indexed, symbol


@explains(nn.Residual)
def residual(selected: Selection) -> Iterator[Section]:
    """One element: the input plus what the modules inside make of it, and the same of gradients."""
    unit, own = selected.unit, inside(selected)
    if not own:
        yield Section("forward", note="There is nothing inside: y = 2 x.")
        return
    f = own[-1].outputs[selected.full].item()
    x = symbol("x", selected.x, *unit)
    name = f"{indexed('f', *unit)}(x)"
    paths = ", ".join(repr(each.path) for each in own)
    y = Line(indexed("y", *unit), x + Symbol(name, f), selected.y[unit].item())
    yield Section("forward", [y], f"f is what happens inside: explain {paths}.")
    dx, inner = selected.dx, own[0].input_gradients()[0]
    if selected.dy is not None and dx is not None and inner is not None:
        back = Symbol(
            indexed(r"f'\big(\tfrac{\partial \ell}{\partial y}\big)", *unit), inner[selected.full].item()
        )
        yield Section(
            "backward", [Line(derivative(x.name), gradient("y", selected.dy, *unit) + back, dx[unit].item())]
        )
