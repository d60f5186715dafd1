"""The numbers of losses that compare each element with its target: a table of formulas and derivatives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import (
    Constant,
    Expression,
    Sum,
    Symbol,
    absolute,
    exp,
    holds,
    largest,
    log,
    over,
    sigmoid,
    sign,
    smallest,
    softplus,
)
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, indexed, numbered
from plaingrad.module import Module

Formula = Callable[[Symbol, Symbol, Any], Expression]

HALF = Constant(0.5)


def clipped(p: Symbol, t: Symbol, m: Any) -> Expression:
    delta = Symbol(r"\delta", m.delta)
    return smallest(largest(p - t, -delta), delta)


def huber(p: Symbol, t: Symbol, m: Any) -> Expression:
    delta = Symbol(r"\delta", m.delta)
    if abs(p.value - t.value) <= m.delta:
        return HALF * (p - t) ** 2
    return delta * (absolute(p - t) - HALF * delta)


def smooth(p: Symbol, t: Symbol, m: Any) -> Expression:
    beta = Symbol(r"\beta", m.beta)
    if abs(p.value - t.value) < m.beta:
        return HALF * (p - t) ** 2 / beta
    return absolute(p - t) - HALF * beta


def smooth_slope(p: Symbol, t: Symbol, m: Any) -> Expression:
    if not m.beta:
        return sign(p - t)
    return smallest(largest((p - t) / Symbol(r"\beta", m.beta), -1), 1)


def bce(p: Symbol, t: Symbol, m: Any) -> Expression:
    return -(t * largest(log(p), -100) + (1 - t) * largest(log(1 - p), -100))


def kl(x: Symbol, t: Symbol, m: Any) -> Expression:
    if m.log_target:
        return exp(t) * (t - x)
    return t * (log(t) - x) if t.value else Constant(0)


def poisson(x: Symbol, t: Symbol, m: Any) -> Expression:
    rate: Expression = exp(x) if m.log_input else x
    gain = t * x if m.log_input else t * log(x + Symbol(r"\varepsilon", m.eps))
    loss = rate - gain
    if not m.full or t.value <= 1:
        return loss
    return loss + (t * log(t) - t + HALF * log(2 * Symbol(r"\pi", math.pi) * t))


def poisson_slope(x: Symbol, t: Symbol, m: Any) -> Expression:
    return exp(x) - t if m.log_input else 1 - t / (x + Symbol(r"\varepsilon", m.eps))


def hinge(x: Symbol, t: Symbol, m: Any) -> Expression:
    short = largest(0, Symbol(r"\delta", m.margin) - x)
    return holds(t, r"\neq", -1) * x + holds(t, r"\neq", 1) * short


def hinge_slope(x: Symbol, t: Symbol, m: Any) -> Expression:
    is_short = holds(x, r"\le", Symbol(r"\delta", m.margin))
    return holds(t, r"\neq", -1) - holds(t, r"\neq", 1) * is_short


FORMULAS: dict[type[Module], tuple[str, Formula, Formula]] = {
    nn.MSELoss: ("p", lambda p, t, m: (p - t) ** 2, lambda p, t, m: 2 * (p - t)),
    nn.L1Loss: ("p", lambda p, t, m: absolute(p - t), lambda p, t, m: sign(p - t)),
    nn.HuberLoss: ("p", huber, clipped),
    nn.SmoothL1Loss: ("p", smooth, smooth_slope),
    nn.BCELoss: ("p", bce, lambda p, t, m: (p - t) / largest(p * (1 - p), 1e-12)),
    nn.KLDivLoss: ("x", kl, lambda x, t, m: -exp(t) if m.log_target else -t),
    nn.PoissonNLLLoss: ("x", poisson, poisson_slope),
    nn.SoftMarginLoss: (
        "x",
        lambda x, t, m: log(1 + exp(-t * x)) if -t.value * x.value < 30 else softplus(-t * x),
        lambda x, t, m: -t * sigmoid(-t * x),
    ),
    nn.HingeEmbeddingLoss: ("x", hinge, hinge_slope),
    nn.MultiLabelSoftMarginLoss: (
        "x",
        lambda x, t, m: t * softplus(-x) + (1 - t) * softplus(x),
        lambda x, t, m: sigmoid(x) - t,
    ),
}
"""The letter of the prediction, the loss of an element, and its derivative."""


def bce_of_logits(x: Symbol, t: Symbol, c: Symbol | None) -> Expression:
    return (t if c is None else c * t) * softplus(-x) + (1 - t) * softplus(x)


def bce_of_logits_slope(x: Symbol, t: Symbol, c: Symbol | None) -> Expression:
    return sigmoid(x) - t if c is None else (c * t + 1 - t) * sigmoid(x) - c * t


def quantile(p: Symbol, t: Symbol, q: Symbol) -> Expression:
    return 1 - q if p.value > t.value else -q if p.value < t.value else Constant(0)


@explains(*FORMULAS)
def elementwise(selected: Selection) -> Iterator[Section]:
    """One element's loss, their mean or sum, and the gradient of that element."""
    module = selected.module
    kind = next(each for each in type(module).__mro__ if each in FORMULAS)
    letter, formula, slope = FORMULAS[kind]
    weight = getattr(module, "weight", None)

    def factor(index: tuple[int, ...]) -> list[Expression]:
        spread = None if weight is None else weight.value.expand(selected.call.inputs[0].shape)
        return [] if spread is None else [Symbol(indexed("w", *index[1:]), spread[index].item())]

    yield from reduced(
        selected,
        letter,
        lambda p, t, index: scaled(factor(index), formula(p, t, module)),
        lambda p, t, index: scaled(factor(index), slope(p, t, module)),
    )


@explains(nn.BCEWithLogitsLoss)
def logits(selected: Selection) -> Iterator[Section]:
    """The same with the weights of the elements and of yes."""
    module, sizes = selected.module, selected.call.inputs[0].shape

    def weighted(function: Callable[[Symbol, Symbol, Symbol | None], Expression]) -> Any:
        def run(x: Symbol, t: Symbol, index: tuple[int, ...]) -> Expression:
            c, w = (
                None
                if each is None
                else Symbol(indexed(name, *index[1:]), each.value.expand(sizes)[index].item())
                for name, each in (("c", module.pos_weight), ("w", module.weight))
            )
            return scaled([] if w is None else [w], function(x, t, c))

        return run

    yield from reduced(selected, "x", weighted(bce_of_logits), weighted(bce_of_logits_slope))


@explains(nn.QuantileLoss)
def pinball(selected: Selection) -> Iterator[Section]:
    """The same with the quantile of each column."""
    levels = selected.module.quantile

    def slope(p: Symbol, t: Symbol, index: tuple[int, ...]) -> Expression:
        return quantile(p, t, Symbol("q", levels[index[-1]] if isinstance(levels, tuple) else levels))

    yield from reduced(selected, "p", lambda p, t, index: slope(p, t, index) * (p - t), slope)


def scaled(factors: list[Expression], formula: Expression) -> Expression:
    """A formula times its weight, if it has one."""
    return factors[0] * formula if factors else formula


def reduced(selected: Selection, letter: str, loss: Any, slope: Any) -> Iterator[Section]:
    """The loss of the selected element, that of all, and the gradient."""
    call, full = selected.call, selected.full
    prediction, target, module = call.inputs[0], call.inputs[1], selected.module
    if call.outputs.ndim or prediction.ndim == 0:
        yield Section("forward", note="Without a reduction the numbers are those of the record.")
        return

    def pair(index: tuple[int, ...]) -> tuple[Symbol, Symbol, tuple[int, ...]]:
        return at(letter, prediction, index), at("t", target, index), index

    element = Line(element_name(full), loss(*pair(full)))
    terms = []
    for index in indices(prediction):
        name = element_name(index)
        terms.append(Symbol(name, loss(*pair(index)).value))
    count = divisor(module, prediction)
    factors = [] if count is None else [over(count, divisor_name(module))]
    total = Line(r"\ell", scaled(factors, Sum(terms)), call.outputs.item())
    yield Section("forward", [element, total], "One element, then all.")
    dx = call.input_gradients()[0]
    if call.grad_outputs is not None and dx is not None:
        formula = scaled(upstream(call), scaled(factors, slope(*pair(full))))
        yield Section("backward", [Line(derivative(pair(full)[0].name), formula, dx[full].item())])


def at(letter: str, values: Tensor, index: tuple[int, ...]) -> Symbol:
    """An element of the prediction or the target, with its sample above."""
    return Symbol(numbered(indexed(letter, *index[1:]), index[0]), float(values[index].item()))


def element_name(index: tuple[int, ...]) -> str:
    """The loss of an element."""
    return numbered(indexed(r"\ell", *index[1:]), index[0])


def indices(values: Tensor) -> list[tuple[int, ...]]:
    """The indices of all elements."""
    return list(itertools.product(*map(range, values.shape)))


def divisor(module: Any, prediction: Tensor) -> int | None:
    """The n of a mean; None for a sum."""
    if module.reduction == "batchmean":
        return len(prediction)
    if isinstance(module, nn.MultiLabelSoftMarginLoss) and not module.is_mean:
        return prediction.shape[-1]
    return prediction.numel() if module.is_mean else None


def divisor_name(module: Any) -> str:
    """The name of that n, as the equations have it."""
    if isinstance(module, nn.MultiLabelSoftMarginLoss):
        return "n C" if module.is_mean else "C"
    return "n"


def upstream(call: Any) -> list[Expression]:
    """The upstream gradient of a loss inside something larger; nothing if it is 1."""
    grads = [each for each in call.grad_outputs or () if each is not None]
    return [Symbol(derivative(r"\ell_{1}"), grads[0].item())] if grads and grads[0].item() != 1 else []
