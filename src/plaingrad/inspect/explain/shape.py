"""The numbers of what only moves them, and of shortcuts."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Symbol
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, gradient, indexed, symbol


@explains(nn.Identity, nn.Flatten, nn.Unflatten, nn.Reshape)
def moved(selected: Selection) -> Iterator[Section]:
    """One element: where it comes from, and where its gradient goes."""
    call, unit, x = selected.call, selected.unit, selected.x
    if call.outputs.shape[0] != call.inputs[0].shape[0]:
        yield Section(
            "forward", note="The batch is part of what changes its shape; the record has the numbers."
        )
        return
    at = torch.arange(x.numel()).view(selected.y.shape)[unit]
    index = tuple(int(i) for i in torch.unravel_index(at, x.shape))
    yield Section("forward", [Line(indexed("y", *unit), symbol("x", x, *index), selected.y[unit].item())])
    if selected.dy is not None and selected.dx is not None:
        line = Line(
            derivative(indexed("x", *index)), gradient("y", selected.dy, *unit), selected.dx[index].item()
        )
        yield Section("backward", [line])


@explains(nn.Residual)
def residual(selected: Selection) -> Iterator[Section]:
    """One element: the input plus what the modules inside make of it, and the same of gradients."""
    call, unit, calls = selected.call, selected.unit, selected.trace.calls
    inside = []
    for each in calls[calls.index(call) + 1 :]:
        if each.depth <= call.depth:
            break
        inside += [each] if each.depth == call.depth + 1 else []
    if not inside:
        yield Section("forward", note="There is nothing inside: y = 2 x.")
        return
    f = inside[-1].outputs[selected.full].item()
    x = symbol("x", selected.x, *unit)
    name = f"{indexed('f', *unit)}(x)"
    paths = ", ".join(repr(each.path) for each in inside)
    y = Line(indexed("y", *unit), x + Symbol(name, f), selected.y[unit].item())
    yield Section("forward", [y], f"f is what happens inside: explain {paths}.")
    dx, inner = selected.dx, inside[0].input_gradients()[0]
    if selected.dy is not None and dx is not None and inner is not None:
        back = Symbol(
            indexed(r"f'\big(\tfrac{\partial \ell}{\partial y}\big)", *unit), inner[selected.full].item()
        )
        yield Section(
            "backward", [Line(derivative(x.name), gradient("y", selected.dy, *unit) + back, dx[unit].item())]
        )
