"""The numbers of attention: one query, in the head that the selected unit's first row of weights reads."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Expression, Sum, Symbol, exp, sqrt
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, symbol
from plaingrad.nn.attention.masks import added_to_scores

MOST_SHOWN = 3  # keys and numbers of a head that are written out


@dataclass
class Heads:
    """The queries, keys and values of one sample, by head.

    Attributes:
        q: shape ``(heads, queries, size)``.
        k: shape ``(heads, keys, size)``.
        v: the same.
        mask: what was added to the scores, or None.
    """

    q: Tensor
    k: Tensor
    v: Tensor
    mask: Tensor | None

    @property
    def scores(self) -> Tensor:
        s = self.q @ self.k.mT / math.sqrt(self.q.shape[-1])
        return s if self.mask is None else s + self.mask

    @property
    def p(self) -> Tensor:
        return self.scores.softmax(-1)


@explains(nn.MultiheadAttention)
def attention(selected: Selection) -> Iterator[Section]:
    """One query: its scores, their softmax, the mean of the values, and what becomes of it; then backward."""
    call, module = selected.call, selected.module
    if module.bias_k is not None or module.add_zero_attn or call.inputs[0].ndim != 3:
        yield Section(
            "forward", note="With added keys, or without a batch, the numbers are those of the record."
        )
        return
    parts, (t, e) = heads_of(selected), selected.unit
    h, size = e // parts.q.shape[-1], parts.q.shape[-1]
    k, v = parts.k[h], parts.v[h]
    yield from projections(selected, size, h, t)
    names = [indexed("P", t, j) for j in range(len(k))]
    scores = [score(parts, h, t, j) for j in range(len(k))]
    yield Section("forward: the scores of the keys", scores)
    total = Sum(exp(s.symbol) for s in scores)
    returned = weights_returned(selected, t)
    shares = [Line(name, exp(s.symbol) / total) for name, s in zip(names, scores)]
    drops = call.training and module.dropout > 0
    if returned is not None and module.num_heads == 1 and not drops:
        for line, ran in zip(shares, returned.tolist()):
            line.ran = ran
    yield Section("forward: the weights, their softmax", shares)
    context = contexts(selected, parts)[t]
    if drops:
        note = "Dropout's factors on the weights are not in the record; c is what came out with them."
        means = []
    else:
        note = f"Head {h + 1}: numbers {h * size + 1} to {(h + 1) * size} of c. The others are made alike."
        means = [
            Line(
                indexed("c", t, h * size + d),
                Sum(share.symbol * symbol("v", v, j, d) for j, share in enumerate(shares)),
                context[h * size + d].item(),
            )
            for d in range(min(size, MOST_SHOWN))
        ]
    yield Section("forward: the mean of the values", means, note)
    yield output(selected, context, t, e)
    if call.grad_outputs and drops:
        note = "The masks of dropout stay inside the module: set dropout to 0 to see the terms."
        yield Section("backward", note=note)
    elif call.grad_outputs:
        yield from backward(selected, parts, h, t)


def heads_of(selected: Selection) -> Heads:
    """The three maps of the inputs, split into heads."""
    call, module = selected.call, selected.module
    names = ("query", "key", "value")
    inputs = [*call.inputs, *(call.options[name] for name in names[len(call.inputs) :])][:3]
    mapped = []
    for part, x in enumerate(inputs):
        vectors = x.select(selected.axis, selected.sample) @ weight_of(call, part).T
        bias = call.parameters.get("in_proj_bias")
        if bias is not None:
            vectors = vectors + bias[part * module.embed_dim :][: module.embed_dim]
        mapped.append(vectors.view(len(vectors), module.num_heads, -1).transpose(0, 1))
    masks = [argument(call, 5, "attn_mask"), argument(call, 3, "key_padding_mask")]
    mask = added_to_scores(masks[0], masks[1], module.num_heads, 0, mapped[0].dtype)
    if mask is not None and len(mask) > 1:
        mask = mask[selected.sample * module.num_heads :][: module.num_heads]
    q, k, v = mapped
    return Heads(q, k, v, mask)


def argument(call: Any, position: int, name: str) -> Any:
    """An argument of forward that may have been left out."""
    return call.inputs[position] if len(call.inputs) > position else call.options.get(name)


def weight_of(call: Any, part: int) -> Tensor:
    """The matrix of the queries (0), keys (1) or values (2)."""
    size = call.module.embed_dim
    packed = call.parameters.get("in_proj_weight")
    if packed is not None:
        rows: Tensor = packed[part * size : (part + 1) * size]
        return rows
    separate: Tensor = call.parameters[f"{'qkv'[part]}_proj_weight"]
    return separate


def projections(selected: Selection, size: int, h: int, t: int) -> Iterator[Section]:
    """The first number of the query, the first key and the first value."""
    call = selected.call
    bias = call.parameters.get("in_proj_bias")
    lines = []
    for part, (letter, input_, position) in enumerate((("q", "Q", t), ("k", "K", 0), ("v", "V", 0))):
        matrix, row = weight_of(call, part), h * size
        x = (
            call.inputs[part] if len(call.inputs) > part else call.options[("query", "key", "value")[part]]
        ).select(selected.axis, selected.sample)
        terms: Expression = Sum(
            symbol(input_, x, position, i) * symbol(f"W^{letter}", matrix, row, i) for i in range(x.shape[-1])
        )
        if bias is not None:
            terms = terms + Symbol(
                indexed(f"b^{letter}", row), bias[part * selected.module.embed_dim + row].item()
            )
        lines.append(Line(indexed(letter, position, 0), terms))
    note = "The first number of each; the others are made alike."
    yield Section("forward: the query, the first key and the first value", lines, note)


def score(parts: Heads, h: int, t: int, j: int) -> Line:
    """The score of a key: its fit to the query."""
    q, k = parts.q[h], parts.k[h]
    size = q.shape[-1]
    products = Sum(symbol("q", q, t, d) * symbol("k", k, j, d) for d in range(size))
    formula: Expression = products / sqrt(Constant(size))
    if parts.mask is not None:
        mask = parts.mask[h if len(parts.mask) > 1 else 0]
        formula = formula + Symbol(indexed("M", t, j), mask.expand(len(q), len(k))[t, j].item())
    return Line(indexed("S", t, j), formula)


def weights_returned(selected: Selection, t: int) -> Tensor | None:
    """The weights of the query that the module returned, if it did and there is one head."""
    weights = selected.call.outputs[1]
    return None if weights is None or weights.ndim != 3 else weights[selected.sample, t]


def contexts(selected: Selection, parts: Heads) -> Tensor:
    """The means of the values of all heads side by side, as the last map got them."""
    call, calls = selected.call, selected.trace.calls
    inner = next(
        (each for each in calls[calls.index(call) + 1 :] if each.module is selected.module.out_proj), None
    )
    if inner is None:
        return (parts.p @ parts.v).transpose(0, 1).flatten(1)
    x = call.inputs[0]
    rows: Tensor = inner.inputs[0].view(*x.shape[:2], -1)
    return rows.select(selected.axis, selected.sample)


def output(selected: Selection, context: Tensor, t: int, e: int) -> Section:
    """The last map of one number."""
    inner = inner_parameters(selected)
    formula: Expression = Sum(
        symbol("W^o", inner["weight"], e, i) * Symbol(indexed("c", t, i), context[i].item())
        for i in range(len(context))
    )
    if "bias" in inner:
        formula = formula + symbol("b^o", inner["bias"], e)
    return Section("forward: the output", [Line(indexed("y", t, e), formula, selected.y[t, e].item())])


def inner_parameters(selected: Selection) -> dict[str, Tensor]:
    """The parameters of the last map at the time of the forward."""
    calls = selected.trace.calls
    start = calls.index(selected.call)
    inner = next(each for each in calls[start + 1 :] if each.module is selected.module.out_proj)
    return inner.parameters


def backward(selected: Selection, parts: Heads, h: int, t: int) -> Iterator[Section]:
    """The gradients of the mean, the weights, the scores and the query, and of what it is made of."""
    call, dy = selected.call, selected.dy
    if dy is None:
        return
    size, weight = parts.q.shape[-1], inner_parameters(selected)["weight"]
    keys = parts.k.shape[1]
    extra = extra_gradient(selected, h, t, keys)
    dcs = (dy[t] @ weight).view(-1, size)
    shown = range(min(keys, MOST_SHOWN))
    name = [indexed(r"\mathrm dc", t, h * size + d) for d in range(size)]
    dc = [
        Line(
            name[d],
            Sum(
                symbol(r"\mathrm dy", dy, t, e) * symbol("W^o", weight, e, h * size + d)
                for e in range(len(weight))
            ),
        )
        for d in range(size)
    ]
    dp = []
    for j in range(keys):
        formula: Expression = Sum(dc[d].symbol * symbol("v", parts.v[h], j, d) for d in range(size))
        if extra is not None:
            formula = formula + Symbol(indexed(r"\mathrm dA", t, j), extra[j].item())
        dp.append(Line(indexed(r"\mathrm dP", t, j), formula))
    p = [Symbol(indexed("P", t, j), parts.p[h, t, j].item()) for j in range(keys)]
    along = Line(indexed("r", t), Sum(a.symbol * b for a, b in zip(dp, p)))
    ds = [Line(indexed(r"\mathrm dS", t, j), p[j] * (dp[j].symbol - along.symbol)) for j in range(keys)]
    dq = [
        Line(
            indexed(r"\mathrm dq", t, d),
            Sum(ds[j].symbol * symbol("k", parts.k[h], j, d) for j in range(keys)) / sqrt(Constant(size)),
        )
        for d in range(size)
    ]
    lines = [*dc[:MOST_SHOWN], *(dp[j] for j in shown), along, *(ds[j] for j in shown), *dq[:MOST_SHOWN]]
    yield Section(
        "backward: the head",
        lines,
        "dA is the gradient of the returned weights." if extra is not None else "",
    )
    dx = call.input_gradients()[0]
    if dx is None:
        return
    extras = [extra_gradient(selected, i, t, keys) for i in range(len(parts.q))]
    every = query_gradients(parts, dcs, extras, t)
    matrix = weight_of(call, 0)
    total = Sum(
        Symbol(indexed(r"\mathrm dq", t, i), value) * symbol("W^q", matrix, i, 0)
        for i, value in enumerate(every.tolist())
    )
    ran = dx.select(selected.axis, selected.sample)[t, 0].item()
    yield Section(
        "backward: the query's first number, from all heads",
        [Line(derivative(indexed("Q", t, 0)), total, ran)],
    )


def extra_gradient(selected: Selection, h: int, t: int, keys: int) -> Tensor | None:
    """The part of the gradient of the returned weights that belongs to a head, or None."""
    grads = selected.call.grad_outputs or ()
    if len(grads) < 2 or grads[1] is None:
        return None
    shared: Tensor = grads[1][selected.sample]
    return shared[t] / selected.module.num_heads if shared.ndim == 2 else shared[h, t]


def query_gradients(parts: Heads, dcs: Tensor, extras: list[Tensor | None], t: int) -> Tensor:
    """The gradient of the query, all heads side by side."""
    dp = torch.stack([parts.v[i] @ dcs[i] + (0 if x is None else x) for i, x in enumerate(extras)])
    p = parts.p[:, t]
    ds = p * (dp - (dp * p).sum(-1, keepdim=True))
    return (ds.unsqueeze(1) @ parts.k).flatten() / math.sqrt(parts.q.shape[-1])
