"""The numbers of losses of pairs, triplets and distributions: one element, then all, then the gradients."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import (
    Constant,
    Expression,
    Sum,
    Symbol,
    holds,
    largest,
    log,
    over,
    sqrt,
)
from plaingrad.inspect.explain.inner import inside
from plaingrad.inspect.explain.loss import HALF, at, element_name, scaled, upstream
from plaingrad.inspect.explain.norm import has_formula, p_norm, p_slope
from plaingrad.inspect.explain.operations.names import Index, times
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, numbered
from plaingrad.inspect.record import Call
from plaingrad.nn.loss.cosine import EPSILON

WITHOUT = Section("forward", note="Without a reduction or a batch the numbers are those of the record.")
MOST_SHOWN = 8


def is_reduced(selected: Selection) -> bool:
    """True if the loss is one number of a batch, called with arguments by position."""
    call = selected.call
    return not call.outputs.ndim and call.inputs[0].ndim > 0 and not call.options


def totalled(
    selected: Selection, sizes: Index, own: Index, lines: Callable[[Index], list[Line]]
) -> Iterator[Section]:
    """The lines of the selected element, the last of which is its loss, and the loss of all.

    Args:
        selected: the call.
        sizes: the shape of the losses before the reduction.
        own: the index of the selected one.
        lines: those of an element.
    """
    *steps, element = lines(own)
    every = itertools.product(*map(range, sizes))
    terms = [Symbol(element_name(each), lines(each)[-1].formula.value) for each in every]
    whole = Line(r"\ell", shared(selected, math.prod(sizes), Sum(terms)), selected.call.outputs.item())
    yield Section("forward", [*steps[:MOST_SHOWN], element, whole], "One element, then all.")


def shared(selected: Selection, count: int, formula: Expression) -> Expression:
    """A formula over n for a mean."""
    return times(over(count), formula) if selected.module.is_mean else formula


def gradient_line(
    selected: Selection, i: int, name: str, index: Index, count: int, slope: Expression
) -> Line:
    """The gradient of an element of input i."""
    formula = scaled(upstream(selected.call), shared(selected, count, slope))
    return Line(derivative(name), formula, selected.call.input_gradients()[i][index].item())


def has_gradient(selected: Selection) -> bool:
    """True if backward was called."""
    return selected.call.grad_outputs is not None and isinstance(selected.call.input_gradients()[0], Tensor)


@explains(nn.MarginRankingLoss)
def ranking(selected: Selection) -> Iterator[Section]:
    """One pair of scores: what their difference falls short of the margin."""
    if not is_reduced(selected):
        yield WITHOUT
        return
    x, y, t = selected.call.inputs
    full, count = selected.full, x.numel()
    delta = Symbol(r"\delta", selected.module.margin)

    def lines(i: Index) -> list[Line]:
        short = delta - at("t", t, i) * (at("x", x, i) - at("y", y, i))
        z = Line(numbered("z", i[0]), short)
        return [z, Line(element_name(i), largest(0, z.symbol))]

    yield from totalled(selected, tuple(x.shape), full, lines)
    if has_gradient(selected):
        step = at("t", t, full) * holds(lines(full)[0].symbol, r"\ge", 0)
        pairs = ((0, at("x", x, full), -step), (1, at("y", y, full), step))
        yield Section(
            "backward", [gradient_line(selected, i, s.name, full, count, slope) for i, s, slope in pairs]
        )


@explains(nn.GaussianNLLLoss)
def gaussian(selected: Selection) -> Iterator[Section]:
    """One element under the normal distribution that is predicted for it."""
    if not is_reduced(selected) or not isinstance(selected.call.inputs[2], Tensor):
        yield WITHOUT
        return
    call, module, full = selected.call, selected.module, selected.full
    p, t, var = call.inputs
    v = module.variance(p, var).clamp(min=module.eps).expand(p.shape)

    def error(i: Index) -> Expression:
        return at("p", p, i) - at("t", t, i)

    def lines(i: Index) -> list[Line]:
        loss = HALF * (log(at("v", v, i)) + error(i) ** 2 / at("v", v, i))
        constant = HALF * log(2 * Symbol(r"\pi", math.pi))
        return [Line(element_name(i), loss + constant if module.full else loss)]

    yield from totalled(selected, tuple(p.shape), full, lines)
    if not has_gradient(selected):
        return
    slope = error(full) / at("v", v, full)
    back = [gradient_line(selected, 0, at("p", p, full).name, full, p.numel(), slope)]
    if var.shape == p.shape:
        variance = HALF * (1 / at("v", v, full) - error(full) ** 2 / at("v", v, full) ** 2)
        back.append(gradient_line(selected, 2, at("v", v, full).name, full, p.numel(), variance))
    note = "The target's gradient is minus that of the mean p." if isinstance(t, Tensor) else ""
    yield Section("backward", back, note)


@explains(nn.CosineEmbeddingLoss)
def cosine(selected: Selection) -> Iterator[Section]:
    """One pair of vectors: their cosine, its loss, and the gradient of one number of the first."""
    call = selected.call
    if not is_reduced(selected) or call.inputs[0].ndim != 2:
        yield WITHOUT
        return
    x, y, t = call.inputs
    n, k = selected.full
    delta, eps = Symbol(r"\delta", selected.module.margin), Symbol(r"\epsilon", EPSILON)

    def lines(i: Index) -> list[Line]:
        xs, ys = ([at(name, v, (*i, j)) for j in range(v.shape[1])] for name, v in (("x", x), ("y", y)))
        nx, ny = (
            Line(numbered(f"n_{name}", i[0]), sqrt(Sum(each**2 for each in vector) + eps))
            for name, vector in (("x", xs), ("y", ys))
        )
        c = Line(numbered("c", i[0]), Sum(a * b for a, b in zip(xs, ys)) / (nx.symbol * ny.symbol))
        label = float(t[i])
        loss = 1 - c.symbol if label == 1 else largest(0, c.symbol - delta) if label == -1 else Constant(0)
        return [nx, ny, c, Line(element_name(i), loss)]

    yield from totalled(selected, (len(x),), (n,), lines)
    if has_gradient(selected):
        nx, ny, c, _ = (line.symbol for line in lines((n,)))
        label = float(t[n])
        outer = Constant(-1) if label == 1 else holds(c, r"\ge", delta) if label == -1 else Constant(0)
        own, other = at("x", x, (n, k)), at("y", y, (n, k))
        slope = times(outer, other / (nx * ny) - c * (own / nx**2))
        yield Section("backward", [gradient_line(selected, 0, own.name, (n, k), len(x), slope)])


@explains(nn.TripletMarginLoss)
def triplet(selected: Selection) -> Iterator[Section]:
    """One triplet: the two distances, their loss, and the gradient of one number of the anchor."""
    call, module = selected.call, selected.module
    if not is_reduced(selected) or call.inputs[0].ndim < 2 or module.swap or not has_formula(module.p):
        note = "With swap, for p = 0 or minus infinity, without a reduction or a batch: see the record."
        yield Section("forward", note=note)
        return
    a, p, n = call.inputs
    full = selected.full
    eps, delta = Symbol(r"\epsilon", module.eps), Symbol(r"\delta", module.margin)

    def differences(i: Index, letter: str, other: Tensor) -> list[Expression]:
        return [at("a", a, (*i, j)) - at(letter, other, (*i, j)) + eps for j in range(a.shape[-1])]

    def lines(i: Index) -> list[Line]:
        near, far = (
            Line(numbered(f"d(a,{letter})", i[0]), p_norm(differences(i, letter, other), module.p))
            for letter, other in (("p", p), ("n", n))
        )
        z = Line(numbered("z", i[0]), delta + near.symbol - far.symbol)
        return [near, far, z, Line(element_name(i), largest(0, z.symbol))]

    own = full[:-1]
    yield from totalled(selected, tuple(a.shape[:-1]), own, lines)
    if has_gradient(selected):
        near, far, z, _ = (line.symbol for line in lines(own))
        slopes = []
        for letter, other, norm in (("p", p, near), ("n", n, far)):
            ds = differences(own, letter, other)
            sharing = sum(abs(d.value) == norm.value for d in ds) if math.isinf(module.p) else 1
            slopes.append(p_slope(ds[full[-1]], norm, module.p, sharing))
        slope = holds(z, r"\ge", 0) * (slopes[0] - slopes[1])
        count = math.prod(a.shape[:-1])
        yield Section(
            "backward: the anchor", [gradient_line(selected, 0, at("a", a, full).name, full, count, slope)]
        )


@explains(nn.TripletMarginWithDistanceLoss)
def triplet_by_distance(selected: Selection) -> Iterator[Section]:
    """One triplet: the loss of the two distances that the module inside computed, and their gradients."""
    distances = inside(selected)
    paths = " and ".join(dict.fromkeys(repr(each.path) for each in distances))
    if not is_reduced(selected) or selected.module.swap or not distances[0].outputs.ndim:
        yield Section("forward", note=f"It hands its numbers to the module inside it: explain {paths}.")
        return
    near, far = distances
    own = selected.full[: near.outputs.ndim]
    delta = Symbol(r"\delta", selected.module.margin)

    def distance(letter: str, call: Call, i: Index) -> Symbol:
        return Symbol(numbered(f"d(a,{letter})", i[0]), call.outputs[i].item())

    def lines(i: Index) -> list[Line]:
        z = Line(numbered("z", i[0]), delta + distance("p", near, i) - distance("n", far, i))
        return [z, Line(element_name(i), largest(0, z.symbol))]

    yield from totalled(selected, tuple(near.outputs.shape), own, lines)
    if not has_gradient(selected):
        return
    hit, back = holds(lines(own)[0].symbol, r"\ge", 0), []
    for letter, call, slope in (("p", near, hit), ("n", far, -hit)):
        formula = scaled(upstream(selected.call), shared(selected, near.outputs.numel(), slope))
        ran = call.grad_outputs[0][own].item()  # type: ignore[index]
        back.append(Line(derivative(distance(letter, call, own).name), formula, ran))
    yield Section("backward", back, f"The distance does the rest: explain {paths}.")
