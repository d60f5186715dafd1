"""The numbers of embeddings: a vector is looked up, and learns from all positions that looked it up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Product, Sum, Symbol, largest
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import (
    Selection,
    derivative,
    gradient_of_sample,
    indexed,
    symbol,
)


@explains(nn.Embedding)
def embedding(selected: Selection) -> Iterator[Section]:
    """One number of one looked-up vector, and its gradient."""
    call, (*around, k) = selected.call, selected.unit
    module = selected.module
    if module.max_norm is not None:
        yield Section("forward", note="Long vectors were shortened before this look-up; the record has them.")
        return
    j = int(selected.x[tuple(around)])
    y = Line(indexed("y", *selected.unit), symbol("W", call.parameters["weight"], j, k))
    y.ran = selected.y[selected.unit].item()
    yield Section("forward", [y], f"The index is {j}: row {j + 1} of the table.")
    if "weight" not in call.gradients or not call.grad_outputs:
        return
    is_padding = module.padding_idx is not None and j == module.padding_idx % module.num_embeddings
    where = [] if is_padding else (call.inputs[0] == j).nonzero().tolist()
    total = Sum(gradient_of_sample("y", call.grad_outputs[0], *i, k) for i in where)
    dw = total / Symbol("n", len(where)) if module.scale_grad_by_freq and where else total
    line = Line(derivative(indexed("W", j, k)), dw, call.gradients["weight"][j, k].item())
    note = "The padding does not learn." if is_padding else ""
    yield Section("backward: the table, summed over all positions with this index", [line], note)


@explains(nn.EmbeddingBag)
def embedding_bag(selected: Selection) -> Iterator[Section]:
    """One number of the sum, mean or maximum of a bag, and the gradient of the first vector in it."""
    call, module, bag, k = selected.call, selected.module, selected.sample, selected.unit[0]
    if module.max_norm is not None:
        yield Section("forward", note="Long vectors were shortened before this look-up; the record has them.")
        return
    indices, weights, bags = content(call)
    padding = None if module.padding_idx is None else module.padding_idx % module.num_embeddings
    bags = [[i for i in each if indices[i] != padding] for each in bags]
    table = call.parameters["weight"]

    def term(i: int) -> Expression:
        w = symbol("W", table, indices[i], k)
        return w if weights is None else symbol("s", weights, i) * w

    def factor(each: list[int]) -> list[Expression]:
        return [1 / Symbol("n", len(each))] if module.mode == "mean" else []

    own = bags[bag]
    rows = ", ".join(str(indices[i]) for i in own) or "none"
    terms = [term(i) for i in own]
    total = Sum(terms) if module.mode != "max" or not terms else largest(*terms)
    y = Product([*factor(own), total]) if own else total
    line = Line(indexed("y", k), y, selected.y[selected.unit].item())
    yield Section("forward", [line], f"The indices of the bag: {rows}; row j + 1 of the table for j.")
    if "weight" not in call.gradients or not call.grad_outputs or not own:
        return
    j, dys = indices[own[0]], call.grad_outputs[0]
    if module.mode == "max":
        j = indices[max(own, key=lambda i: table[indices[i], k].item())]
    parts: list[Expression] = []
    for b, each in enumerate(bags):
        dy = gradient_of_sample("y", dys, b, k)
        if module.mode == "max":
            best = max(each, key=lambda i: table[indices[i], k].item(), default=None)
            parts += [dy] if best is not None and indices[best] == j else []
            continue
        for i in each:
            if indices[i] == j:
                scale = [] if weights is None else [symbol("s", weights, i)]
                parts.append(Product([*factor(each), *scale, dy]))
    dw: Expression = Sum(parts)
    if module.scale_grad_by_freq:
        dw = dw / Symbol("n_j", sum(indices[i] == j for each in bags for i in each))
    result = Line(derivative(indexed("W", j, k)), dw, call.gradients["weight"][j, k].item())
    yield Section("backward: the table, summed over all bags with this index", [result])


def content(call: Any) -> tuple[list[int], Tensor | None, list[list[int]]]:
    """All indices in one row, their weights if there are some, and the positions of each bag."""
    names = ("x", "offsets", "per_sample_weights")
    arguments = dict(zip(names, call.inputs)) | call.options
    x, offsets, weights = (arguments.get(name) for name in names)
    assert isinstance(x, Tensor)
    indices = x.flatten().tolist()
    if not isinstance(offsets, Tensor):
        size = x.shape[1]
        bags = [list(range(b * size, (b + 1) * size)) for b in range(len(x))]
    else:
        edges = offsets.tolist()
        edges = edges if call.module.include_last_offset else [*edges, len(indices)]
        bags = [list(range(start, end)) for start, end in itertools.pairwise(edges)]
    return indices, weights.flatten() if isinstance(weights, Tensor) else None, bags
