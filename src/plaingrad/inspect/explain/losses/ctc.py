"""The numbers of connectionist temporal classification: the ways to spell a short target, one by one."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Product, Sum, Symbol, log, over
from plaingrad.inspect.explain.loss import scaled, upstream
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, numbered

MOST_WAYS = 20_000  # classes to the power of the steps, up to which all are tried


@explains(nn.CTCLoss)
def ways(selected: Selection) -> Iterator[Section]:
    """The probability of a target as the sum over all ways to spell it, and the gradient of one number."""
    call, module, n = selected.call, selected.module, selected.sample
    if call.outputs.ndim or len(call.inputs) != 4 or call.inputs[0].ndim != 3:
        yield Section("forward", note="Without a reduction or a batch the numbers are those of the record.")
        return
    x, targets, steps, lengths = call.inputs
    count, size = (int(torch.as_tensor(each).reshape(-1)[n]) for each in (steps, lengths))
    labels = spelled(targets, [int(each) for each in torch.as_tensor(lengths).reshape(-1)], n)
    if x.shape[2] ** count > MOST_WAYS:
        note = "Its ways are too many to write out: explain a shorter input, or read alpha in the equations."
        yield Section("forward", note=note)
        return
    every = [
        way
        for way in itertools.product(range(x.shape[2]), repeat=count)
        if merged(way, module.blank) == labels
    ]
    if not every:
        yield Section("forward", note="No way through so few steps spells the target: the loss is infinite.")
        return

    def p(t: int, c: int) -> Symbol:
        return Symbol(indexed("p", t, c), math.exp(x[t, n, c].item()))

    terms = [Product([p(t, c) for t, c in enumerate(way)]) for way in every]
    whole = Line("P", Sum(terms))
    own = Line(numbered(r"\ell", n), -per_label(selected, log(whole.symbol), size))
    classes = ", ".join(str(label + 1) for label in labels) or "nothing"
    note = f"L counts the labels; p is e^x, by step and class. {len(every)} ways spell {classes}."
    yield Section("forward", [whole, own], note)
    dx = call.input_gradients()[0]
    if call.grad_outputs is None or not isinstance(dx, Tensor):
        return
    t, c = selected.unit
    through = Sum(term for term, way in zip(terms, every) if way[t : t + 1] == (c,))
    slope = per_label(selected, through / whole.symbol, size)
    share = over(x.shape[1]) * slope if module.is_mean else slope
    line = Line(derivative(indexed("x", t, c)), -scaled(upstream(call), share), dx[t, n, c].item())
    note = "The fraction is the share of the ways that take this class in this step."
    yield Section("backward", [line], note)


def per_label(selected: Selection, formula: Expression, size: int) -> Expression:
    """A formula over the number of labels, for a mean."""
    return 1 / Symbol("L", size) * formula if selected.module.is_mean and size > 1 else formula


def spelled(targets: Tensor, lengths: list[int], n: int) -> tuple[int, ...]:
    """The labels of a sample."""
    row = targets[n] if targets.ndim == 2 else targets[sum(lengths[:n]) :]
    return tuple(row[: lengths[n]].tolist())


def merged(way: tuple[int, ...], blank: int) -> tuple[int, ...]:
    """The labels that a way spells: without repetitions, then without blanks."""
    return tuple(c for c, _ in itertools.groupby(way) if c != blank)
