"""The numbers of the softmax and its relatives, along one row."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Sum, Symbol, exp, log
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, numbered
from plaingrad.nn.activation.softmax import axis

Index = tuple[int, ...]


def along(selected: Selection) -> tuple[list[Index], int]:
    """The indices in the batch of the numbers that are normalised together, and which one is selected."""
    x, full = selected.call.inputs[0], selected.full
    dim = axis(selected.module, x) % x.ndim  # type: ignore[arg-type]
    return [(*full[:dim], j, *full[dim + 1 :]) for j in range(x.shape[dim])], full[dim]


def named(letter: str, index: Index, selected: Selection) -> str:
    """A letter with an index, and with the sample if it is another one."""
    name = indexed(letter, *index[1:])
    return name if index[0] == selected.sample else numbered(name, index[0])


def row(letter: str, values: Tensor, selected: Selection, members: list[Index]) -> list[Symbol]:
    """All numbers that are normalised together."""
    return [Symbol(named(letter, each, selected), values[each].item()) for each in members]


def gradients(selected: Selection, members: list[Index]) -> list[Symbol] | None:
    """Their upstream gradients."""
    grads = selected.call.grad_outputs
    if not grads:
        return None
    return [Symbol(derivative(named("y", each, selected)), grads[0][each].item()) for each in members]


@explains(nn.Softmax, nn.Softmax2d, nn.Softmin)
def softmax(selected: Selection) -> Iterator[Section]:
    """One probability: its exponential over the sum of all, and the gradient of its input."""
    call = selected.call
    members, k = along(selected)
    is_min = isinstance(selected.module, nn.Softmin)
    xs, ys = row("x", call.inputs[0], selected, members), row("y", call.outputs, selected, members)
    powers: list[Expression] = [exp(-x if is_min else x) for x in xs]
    yield Section("forward", [Line(ys[k].name, powers[k] / Sum(powers), ys[k].value)])
    dys, dx = gradients(selected, members), call.input_gradients()[0]
    if dys is not None and dx is not None:
        inner = dys[k] - Sum(dy * y for dy, y in zip(dys, ys))
        slope = (-ys[k] if is_min else ys[k]) * inner
        yield Section("backward", [Line(derivative(xs[k].name), slope, dx[members[k]].item())])


@explains(nn.LogSoftmax)
def log_softmax(selected: Selection) -> Iterator[Section]:
    """One logarithm of a probability, and the gradient of its input."""
    call = selected.call
    members, k = along(selected)
    xs, ys = row("x", call.inputs[0], selected, members), row("y", call.outputs, selected, members)
    y = xs[k] - log(Sum(exp(x) for x in xs))
    yield Section("forward", [Line(ys[k].name, y, ys[k].value)])
    dys, dx = gradients(selected, members), call.input_gradients()[0]
    if dys is not None and dx is not None:
        slope = dys[k] - exp(ys[k]) * Sum(dys)
        yield Section("backward", [Line(derivative(xs[k].name), slope, dx[members[k]].item())])
