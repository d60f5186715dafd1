"""The numbers of distances and similarities of two vectors."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Sum, Symbol, largest, sqrt
from plaingrad.inspect.explain.norm import has_formula, p_norm, p_slope
from plaingrad.inspect.explain.operations.names import Index, element, element_name, position, times, upstream
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative

NOTE = "a and b are the two inputs."
SPREAD = Section("backward", note="A vector that is spread over several gets the sum of their gradients.")


def vectors(selected: Selection, dim: int) -> tuple[Tensor, Tensor, list[Index], int | None] | None:
    """Both inputs, the indices along the axis of the vectors, and the sample if it can be left out."""
    call = selected.call
    if call.options or len(call.inputs) != 2:
        return None
    a, b = torch.broadcast_tensors(*call.inputs)
    index = list(position(selected))
    if not a.ndim:
        return None
    if call.outputs.ndim == a.ndim:
        index[dim % a.ndim] = 0
    else:
        index.insert(dim % a.ndim, 0)
    axis = dim % a.ndim
    indices = [tuple([*index[:axis], i, *index[axis + 1 :]]) for i in range(a.shape[axis])]
    return a, b, indices, selected.sample if axis and selected.axis == 0 else None


@explains(nn.PairwiseDistance)
def pairwise(selected: Selection) -> Iterator[Section]:
    """The norm of the differences, and the gradient of the first number of the first vector."""
    call, p = selected.call, selected.module.norm
    pair = vectors(selected, -1)
    if pair is None or not has_formula(p):
        note = (
            "For p = 0, minus infinity, or numbers instead of vectors, the numbers are those of the record."
        )
        yield Section("forward", note=note)
        return
    a, b, indices, sample = pair
    eps = Symbol(r"\epsilon", selected.module.eps)
    ds = [
        Line(f"d_{{{i + 1}}}", element("a", a, at, sample) - element("b", b, at, sample) + eps)
        for i, at in enumerate(indices)
    ]
    symbols = [d.symbol for d in ds]
    index = position(selected)
    y = Line(element_name("y", index, sample), p_norm(symbols, p), call.outputs[index].item())
    yield Section("forward", [*ds[:8], y], NOTE)
    dx = call.input_gradients()[0]
    if not call.grad_outputs or dx is None or not ds:
        return
    if dx.shape != a.shape:
        yield SPREAD
        return
    sharing = sum(abs(d.value) == y.formula.value for d in symbols) if math.isinf(p) else 1
    slope = p_slope(symbols[0], y.symbol, p, sharing)
    dy = upstream("y", call.grad_outputs[0], index, sample)
    name = derivative(element_name("a", indices[0], sample))
    yield Section("backward", [Line(name, times(dy, slope), dx[indices[0]].item())])


@explains(nn.CosineSimilarity)
def cosine(selected: Selection) -> Iterator[Section]:
    """The cosine, and the gradient of the first number of the first vector."""
    call = selected.call
    pair = vectors(selected, selected.module.dim)
    if pair is None:
        yield Section("forward", note="Of numbers instead of vectors the record has the cosine.")
        return
    a, b, indices, sample = pair
    left = [element("a", a, at, sample) for at in indices]
    right = [element("b", b, at, sample) for at in indices]
    eps = Symbol(r"\epsilon", selected.module.eps)
    lengths = [Line(f"n_{letter}", length(vector, eps)) for letter, vector in (("a", left), ("b", right))]
    na, nb = (line.symbol for line in lengths)
    index = position(selected)
    products = Sum(x * z for x, z in zip(left, right))
    y = Line(element_name("y", index, sample), products / (na * nb), call.outputs[index].item())
    yield Section("forward", [*lengths, y], f"{NOTE} n is a length.")
    dx = call.input_gradients()[0]
    if not call.grad_outputs or dx is None or not left:
        return
    if dx.shape != a.shape:
        yield SPREAD
        return
    dy = upstream("y", call.grad_outputs[0], index, sample)
    inner: Expression = right[0] / nb
    if lengths[0].formula.value > eps.value:
        inner = inner - y.symbol * (left[0] / na)
    yield Section("backward", [Line(derivative(left[0].name), 1 / na * dy * inner, dx[indices[0]].item())])


def length(vector: list[Symbol], eps: Symbol) -> Expression:
    """The length of a vector, at least epsilon."""
    norm = sqrt(Sum(x**2 for x in vector))
    return norm if norm.value >= eps.value else largest(norm, eps)
