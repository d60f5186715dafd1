"""The numbers of pooling: one window, and the gradient of one of its elements."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator, Sequence

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import (
    Constant,
    Expression,
    Fraction,
    Product,
    Sum,
    Symbol,
    largest,
)
from plaingrad.inspect.explain.norm import power, root
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, gradient, indexed, symbol
from plaingrad.nn.pooling.average import Average, LPPool
from plaingrad.nn.pooling.maximum import Maximum
from plaingrad.nn.pooling.reach import Reach

Index = tuple[int, ...]


def window(reaches: Sequence[Reach], at: Index) -> list[Index]:
    """The elements of the window at an index of the output."""
    along = [
        [reach.starts[i] + reach.dilation * p for p in range(reach.lengths[i])]
        for reach, i in zip(reaches, at)
    ]
    return list(itertools.product(*along))


def without_batch(selected: Selection, axes: int) -> bool:
    """True if the input has no axis of the batch."""
    x: Tensor = selected.call.inputs[0]
    return x.ndim != axes + 2


WITHOUT = Section("forward", note="Without a batch the numbers are those of the record.")


@explains(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
@explains(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
def maximum(selected: Selection) -> Iterator[Section]:
    """The largest element of a window, and the gradient that it gets from all windows that chose it."""
    call, module = selected.call, selected.module
    assert isinstance(module, Maximum)
    if without_batch(selected, len(module.axes)):
        yield WITHOUT
        return
    x, (c, *at) = call.inputs[0], selected.unit
    members = window(module.reaches(x), tuple(at))  # type: ignore[arg-type]
    xs = [symbol("x", selected.x, c, *member) for member in members]
    indices = chosen(module, x)[selected.sample, c]
    winner = flat_index(int(indices[tuple(at)]), x.shape[2:])
    name = indexed("x", c, *winner)
    y = Line(indexed("y", *selected.unit), largest(*xs), selected.y[selected.unit].item())
    yield Section("forward", [y], "The first of the largest is chosen.")
    dy, dx = selected.dy, selected.dx
    if dy is not None and dx is not None:
        fans = (indices == indices[tuple(at)]).nonzero().tolist()
        line = Line(derivative(name), Sum(gradient("y", dy, c, *l) for l in fans), dx[(c, *winner)].item())  # noqa: E741
        note = "The gradient goes to the chosen element alone, from every window that chose it."
        yield Section("backward", [line], note)


def chosen(module: Maximum, x: Tensor) -> Tensor:
    """The indices of the largest elements."""
    twin = copy.copy(module)
    twin.return_indices, twin.saving = True, False
    indices: Tensor = twin.forward(x)[1]
    return indices


def flat_index(at: int, sizes: Sequence[int]) -> Index:
    """The index of an element from its number."""
    index: list[int] = []
    for size in reversed(sizes):
        index.insert(0, at % size)
        at //= size
    return tuple(index)


@explains(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
@explains(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def average(selected: Selection) -> Iterator[Section]:
    """The mean of a window, and the gradient of its first element from all windows that reach it."""
    call, module = selected.call, selected.module
    assert isinstance(module, Average)
    if without_batch(selected, len(module.axes)):
        yield WITHOUT
        return
    c, *at = selected.unit
    means = module.means(call.inputs[0])
    reaches = [reach for reach, _ in means]
    members = window(reaches, tuple(at))

    def count(window: Sequence[int]) -> Symbol:
        number = math.prod(divisors[i] for i, (_, divisors) in zip(window, means))
        return Symbol(indexed("n", *window), number)

    total = Sum(symbol("x", selected.x, c, *member) for member in members)
    y = Line(indexed("y", *selected.unit), 1 / count(at) * total, selected.y[selected.unit].item())
    yield Section("forward", [y])
    dy, dx = selected.dy, selected.dx
    if dy is not None and dx is not None:
        member = members[0]
        windows = itertools.product(*(range(len(reach.starts)) for reach in reaches))
        fans = [each for each in windows if member in window(reaches, each)]
        back = Sum(1 / count(each) * gradient("y", dy, c, *each) for each in fans)
        yield Section(
            "backward: an input, from all windows that reach it",
            [Line(derivative(indexed("x", c, *member)), back, dx[(c, *member)].item())],
        )


@explains(nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
def powers(selected: Selection) -> Iterator[Section]:
    """The norm of a window, and the gradient of its first element from all windows that reach it."""
    call, module = selected.call, selected.module
    assert isinstance(module, LPPool)
    if without_batch(selected, len(module.axes)):
        yield WITHOUT
        return
    p, (c, *at) = module.norm_type, selected.unit
    numbers = zip(call.inputs[0].shape[-len(module.axes) :], module.kernel_size, module.stride)
    reaches = [Reach.sliding(*each, ceil_mode=module.ceil_mode) for each in numbers]
    full = math.prod(module.kernel_size)

    def share(each: Index) -> list[Expression]:
        count = len(window(reaches, each))
        return [] if count == full else [Fraction(Constant(full), Constant(count))]

    members = window(reaches, tuple(at))
    total = Sum(power(symbol("x", selected.x, c, *member), p) for member in members)
    inner = Product([*share(tuple(at)), total]) if share(tuple(at)) else total
    y = Line(indexed("y", *selected.unit), root(inner, p), selected.y[selected.unit].item())
    note = "The window reaches over the edge, and counts as if it went on alike." if share(tuple(at)) else ""
    yield Section("forward", [y], note)
    dy, dx = selected.dy, selected.dx
    if dy is None or dx is None:
        return
    member = members[0]
    x = symbol("x", selected.x, c, *member)
    terms: list[Expression] = []
    for each in itertools.product(*(range(len(reach.starts)) for reach in reaches)):
        if member in window(reaches, each):
            norm = symbol("y", selected.y, c, *each)
            slope = Constant(0) if norm.value == 0 else power(x / norm, p - 1)
            terms.append(Product([*share(each), slope, gradient("y", dy, c, *each)]))
    line = Line(derivative(x.name), Sum(terms), dx[(c, *member)].item())
    yield Section("backward: an input, from all windows that reach it", [line])


@explains(nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)
def fractional(selected: Selection) -> Iterator[Section]:
    """The element that a random window chose, and the gradient from all windows that chose it."""
    module = selected.module
    if without_batch(selected, len(module.axes)):
        yield WITHOUT
        return
    c, *at = selected.unit
    x, y = selected.x[c], selected.y[c]
    winners = (x == y[tuple(at)]).nonzero().tolist()
    if len(winners) != 1:
        yield Section("forward", note="Several elements are as large: which was chosen is not in the record.")
        return
    winner = tuple(winners[0])
    largest_x = symbol("x", selected.x, c, *winner)
    line = Line(indexed("y", *selected.unit), largest_x, y[tuple(at)].item())
    yield Section("forward", [line], "It is the largest of its window, which was drawn at random.")
    dy, dx = selected.dy, selected.dx
    if dy is not None and dx is not None:
        fans = (y == y[tuple(at)]).nonzero().tolist()
        total = Sum(gradient("y", dy, c, *fan) for fan in fans)
        yield Section("backward", [Line(derivative(largest_x.name), total, dx[(c, *winner)].item())])
