r"""The numbers of losses over classes, with what cancels between the logarithm and the softmax.

.. math::
    \frac{\partial \ell}{\partial x_c}
        = \sum_k \frac{\partial \ell}{\partial p_k} \frac{\partial p_k}{\partial x_c}
        = \sum_k -\frac{m_k}{n\, p_k} \cdot p_k \big([k = c] - p_c\big)
        = \frac{1}{n} \Big(p_c \sum_k m_k - m_c\Big)
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Expression, Sum, Symbol, exp, log, over
from plaingrad.inspect.explain.loss import scaled, upstream
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, numbered

Index = tuple[int, ...]

NOTHING_COUNTS = Section("forward", note="No target counts: the gradient is 0.")


@explains(nn.CrossEntropyLoss)
def cross_entropy(selected: Selection) -> Iterator[Section]:
    """The softmax of one sample, the loss, and the gradient of one logit in two ways."""
    call, x, module = selected.call, selected.call.inputs[0], selected.module
    if call.outputs.ndim or x.ndim < 2:
        yield Section("forward", note="Without a reduction or a batch the numbers are those of the record.")
        return
    n, c, *rest = map(int, selected.full)
    mass, count = masses(module, x, call.inputs[1])
    if count == 0:
        yield NOTHING_COUNTS
        return
    xs, ms = (values[n].movedim(0, -1)[tuple(rest)] for values in (x, mass))
    logits = [Symbol(name("x", n, k, rest), value) for k, value in enumerate(xs.tolist())]
    total = Sum(exp(each) for each in logits)
    ps = [Line(name("p", n, k, rest), exp(each) / total) for k, each in enumerate(logits)]
    hit = [k for k, m in enumerate(ms.tolist()) if m]
    m = [weight_of(name("m", n, k, rest), value) for k, value in enumerate(ms.tolist())]
    shown = sorted({c, *hit})[:8]
    yield Section("forward: the softmax", [ps[k] for k in shown], "The target: " + target_words(hit, ms))
    yield Section(
        "forward: the loss", list(losses(selected, n, rest, [(m[k], ps[k]) for k in hit], mass, count))
    )
    dx = call.input_gradients()[0]
    if call.grad_outputs is None or dx is None:
        return
    factors = upstream(call)
    ran = dx[(n, c, *rest)].item()
    whole: list[Expression] = []
    lines = []
    for k in hit:
        p = ps[k].symbol
        outer = Line(derivative(p.name), scaled(factors, mean_of(count, -(m[k] / p))))
        inner = Line(
            rf"\frac{{\partial {p.name}}}{{\partial {logits[c].name}}}", p * (holds_for(k, c) - ps[c].symbol)
        )
        lines += [outer, inner]
        whole.append(outer.symbol * inner.symbol)
    target = derivative(logits[c].name)
    yield Section("backward: by the chain rule", [*lines, Line(target, Sum(whole), ran)])
    weight = m[c] if c in hit else Constant(0)
    others = (
        ps[c].symbol
        if all(each.value == 1 for each in (m[k] for k in hit)) and len(hit) == 1
        else (ps[c].symbol * Sum(m[k] for k in hit))
    )
    short = scaled(factors, mean_of(count, others - weight))
    note = "The p of the logarithm's derivative and that of the softmax's cancel: what is left is p - target."
    yield Section("backward: what is left", [Line(target, short, ran)] if hit else [], note)


def holds_for(k: int, c: int) -> Constant:
    """[k = c] as the number that it is."""
    return Constant(float(k == c))


def weight_of(text: str, mass: float) -> Expression:
    """The mass on a class: the number 1 for the usual one."""
    return Constant(1) if mass == 1 else Symbol(text, mass)


def name(letter: str, n: int, k: int, rest: list[int]) -> str:
    """A number of a class of a sample."""
    return numbered(indexed(letter, k, *rest), n)


def mean_of(count: float | None, formula: Expression) -> Expression:
    """A formula over n; itself for a sum."""
    return formula if count is None else over(count) * formula


def target_words(hit: list[int], masses: Tensor) -> str:
    """The target of a sample in words."""
    if not hit:
        return "none, it is ignored."
    if len(hit) == 1:
        return f"class {hit[0] + 1}."
    return "a mass on each of the classes " + ", ".join(str(k + 1) for k in hit) + "."


def losses(
    selected: Selection,
    n: int,
    rest: list[int],
    parts: list[tuple[Expression, Line]],
    mass: Tensor,
    count: float | None,
) -> Iterator[Line]:
    """The loss of the selected sample, and that of all."""
    x = selected.call.inputs[0]
    each = -(mass * x.log_softmax(1)).nan_to_num().sum(1)
    own = Sum([m * log(p.symbol) if m.value != 1 else log(p.symbol) for m, p in parts])
    yield Line(numbered(indexed(r"\ell", *rest), n), -own if parts else Constant(0))
    terms = [
        Symbol(numbered(indexed(r"\ell", *index[1:]), index[0]), each[tuple(index)].item())
        for index in torch.ones_like(each).nonzero().tolist()
    ]
    yield Line(r"\ell", mean_of(count, Sum(terms)), selected.call.outputs.item())


def masses(module: nn.CrossEntropyLoss, x: Tensor, target: Tensor) -> tuple[Tensor, float | None]:
    """The mass that the target puts on each class, and the n of a mean."""
    mass, count = module.mass(x, target, 1)
    return mass, count if module.is_mean else None


@explains(nn.NLLLoss, nn.NLLLoss2d)
def negative_log_likelihood(selected: Selection) -> Iterator[Section]:
    """The loss as the sum of the log-probabilities of the targets, and the gradient of one of them."""
    call, full = selected.call, selected.full
    x, module = call.inputs[0], selected.module
    if call.outputs.ndim or x.ndim < 2:
        yield Section("forward", note="Without a reduction or a batch the numbers are those of the record.")
        return
    index, weight = module.indices(x, call.inputs[1], 1)
    ones = torch.ones_like(index, dtype=x.dtype)
    weight = ones if weight is None else weight
    mass = torch.zeros_like(x).scatter(1, index, weight)
    terms = []
    for i in mass.nonzero().tolist():
        m = weight_of(name("m", i[0], i[1], i[2:]), mass[tuple(i)].item())
        value = Symbol(name("x", i[0], i[1], i[2:]), x[tuple(i)].item())
        terms.append(value if m.value == 1 else m * value)
    count = mass.sum().item() if module.is_mean else None
    if count == 0:
        yield NOTHING_COUNTS
        return
    yield Section("forward", [Line(r"\ell", mean_of(count, -Sum(terms)), call.outputs.item())])
    dx = call.input_gradients()[0]
    if call.grad_outputs is not None and dx is not None:
        m = Symbol(name("m", full[0], full[1], list(full[2:])), mass[full].item())
        formula = scaled(upstream(call), mean_of(count, -m))
        note = "m is the target's weight on this class: 0 on all but the right one."
        line = Line(derivative(name("x", full[0], full[1], list(full[2:]))), formula, dx[full].item())
        yield Section("backward", [line], note)
