"""The numbers of embeddings: a vector is looked up, and learns from all positions that looked it up."""

from __future__ import annotations

from collections.abc import Iterator

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Sum, Symbol
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
