"""The numbers of fully connected layers."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Sum
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import (
    Selection,
    derivative,
    gradient,
    gradient_of_sample,
    indexed,
    of_sample,
    symbol,
)

MOST_SHOWN = 3  # inputs whose gradients are written out


@explains(nn.Linear)
def linear(selected: Selection) -> Iterator[Section]:
    """One unit: its sum, and the gradients of the inputs and of the unit's weights."""
    call, (*around, k), x = selected.call, selected.unit, selected.x[tuple(selected.unit[:-1])]
    weight, bias = call.parameters["weight"], call.parameters.get("bias")
    terms = Sum(symbol("w", weight, k, i) * symbol("x", x, i) for i in range(len(x)))
    y = terms if bias is None else terms + symbol("b", bias, k)
    yield Section("forward", [Line(indexed("y", k), y, selected.y[selected.unit].item())])
    if selected.dy is None:
        return
    dy, dx = selected.dy[tuple(around)], selected.dx
    if dx is not None:
        lines = []
        for i in range(min(len(x), MOST_SHOWN)):
            by_unit = Sum(gradient("y", dy, j) * symbol("w", weight, j, i) for j in range(len(dy)))
            lines.append(Line(derivative(indexed("x", i)), by_unit, dx[(*around, i)].item()))
        yield Section("backward: the inputs", lines)
    yield from parameters(selected, k)


def parameters(selected: Selection, k: int) -> Iterator[Section]:
    """The gradients of the weights and the bias of a unit: sums over all samples."""
    gradients, call = selected.call.gradients, selected.call
    if call.grad_outputs is None or not gradients:
        return
    xs, dys = call.inputs[0].flatten(0, -2), call.grad_outputs[0].flatten(0, -2)
    lines = []
    if "weight" in gradients:
        for i in range(min(xs.shape[1], MOST_SHOWN)):
            by_sample = Sum(
                gradient_of_sample("y", dys, n, k) * of_sample("x", xs, n, i) for n in range(len(xs))
            )
            lines.append(Line(derivative(indexed("w", k, i)), by_sample, gradients["weight"][k, i].item()))
    if "bias" in gradients:
        sums = Sum(gradient_of_sample("y", dys, n, k) for n in range(len(xs)))
        lines.append(Line(derivative(indexed("b", k)), sums, gradients["bias"][k].item()))
    yield Section("backward: the parameters, summed over the batch", lines)
