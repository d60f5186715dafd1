"""The numbers of what makes one of the numbers along some axes: maxima, variances, norms."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Fraction, Sum, Symbol, largest, mean
from plaingrad.inspect.explain.norm import has_formula, p_norm, p_slope
from plaingrad.inspect.explain.operations.names import (
    Index,
    as_factor,
    element,
    element_name,
    position,
    times,
    upstream,
)
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, first


def members(selected: Selection) -> tuple[list[Index], int | None]:
    """The elements that become the selected one, and the sample if they are all of it."""
    x, module = selected.call.inputs[0], selected.module
    axes = module.axes(x)
    index = list(position(selected))
    if not module.keepdim:
        for axis in sorted(axes):
            index.insert(axis, 0)
    ranges = [range(size) if axis in axes else [index[axis]] for axis, size in enumerate(x.shape)]
    sample = selected.sample if x.ndim and 0 not in axes and selected.axis == 0 else None
    return list(itertools.product(*ranges)), sample


def upstream_of(selected: Selection, sample: int | None) -> Symbol | None:
    """The upstream gradient of the selected element."""
    dy = first(selected.call.grad_outputs)
    return upstream("y", dy, position(selected), sample) if isinstance(dy, Tensor) else None


def result_name(selected: Selection, sample: int | None) -> str:
    """The name of the selected element."""
    return element_name("y", position(selected), sample)


@explains(nn.Amax, nn.Max)
def maximum(selected: Selection) -> Iterator[Section]:
    """The largest of the elements, and the gradient that it gets."""
    call, index = selected.call, position(selected)
    group, sample = members(selected)
    x, y = call.inputs[0], first(call.outputs)
    xs = [element("x", x, at, sample) for at in group]
    ran = y[index].item()
    yield Section("forward", [Line(result_name(selected, sample), largest(*xs), ran)])
    dy, dx = upstream_of(selected, sample), call.input_gradients()[0]
    if dy is None or dx is None:
        return
    best = [at for at in group if x[at].item() == ran]
    if isinstance(selected.module, nn.Max) or not best:
        chosen = call.outputs[1][index].item() if isinstance(selected.module, nn.Max) else 0
        best = [group[int(chosen)]]
    share = times(as_factor(1 / len(best)), dy)
    name = derivative(element_name("x", best[0], sample))
    note = "The gradient goes to the largest alone." if len(best) == 1 else "Equal ones share the gradient."
    yield Section("backward", [Line(name, share, dx[best[0]].item())], note)


@explains(nn.Var)
def variance(selected: Selection) -> Iterator[Section]:
    """The variance of the elements, and the gradient of the first of them."""
    call, module, index = selected.call, selected.module, position(selected)
    group, sample = members(selected)
    count = len(group) - module.correction
    if count <= 0:
        yield Section("forward", note="There are too few elements for a variance.")
        return
    xs = [element("x", call.inputs[0], at, sample) for at in group]
    mu = Line(r"\overline{x}", mean(xs))
    factor = Fraction(Constant(1), Symbol("n", len(group)) - Symbol("c", module.correction))
    squares = Sum((x - mu.symbol) ** 2 for x in xs)
    y = Line(result_name(selected, sample), factor * squares, call.outputs[index].item())
    yield Section("forward", [mu, y])
    dy, dx = upstream_of(selected, sample), call.input_gradients()[0]
    if dy is not None and dx is not None:
        slope = Fraction(Constant(2), factor.below) * (xs[0] - mu.symbol) * dy
        yield Section("backward", [Line(derivative(xs[0].name), slope, dx[group[0]].item())])


@explains(nn.Norm)
def norm(selected: Selection) -> Iterator[Section]:
    """The norm of the elements, and the gradient of the first of them."""
    call, p, index = selected.call, selected.module.p, position(selected)
    if not has_formula(p):
        yield Section("forward", note=f"The norm of p = {p} is not written out; the record has it.")
        return
    group, sample = members(selected)
    xs = [element("x", call.inputs[0], at, sample) for at in group]
    y = Line(result_name(selected, sample), p_norm(xs, p), call.outputs[index].item())
    yield Section("forward", [y])
    dy, dx = upstream_of(selected, sample), call.input_gradients()[0]
    if dy is not None and dx is not None:
        sharing = sum(abs(x.value) == y.formula.value for x in xs) if math.isinf(p) else 1
        slope = times(dy, p_slope(xs[0], y.symbol, p, sharing))
        yield Section("backward", [Line(derivative(xs[0].name), slope, dx[group[0]].item())])
