"""The numbers of functions that act on each element by itself: a table of formulas and derivatives."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import (
    Constant,
    Expression,
    Sum,
    Symbol,
    absolute,
    erf,
    exp,
    holds,
    largest,
    log,
    sigmoid,
    sign,
    smallest,
    softplus,
    sqrt,
    tanh,
)
from plaingrad.inspect.explain.operations.names import times
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import (
    Selection,
    derivative,
    gradient,
    gradient_of_sample,
    indexed,
    of_sample,
    symbol,
)
from plaingrad.module import Module

Formula = Callable[[Symbol, Any], Expression]
Slope = Callable[[Symbol, Symbol, Any], Expression]
Gate = Callable[[Symbol, Any], list[Line]]


def alpha(m: Any) -> Symbol:
    return Symbol(r"\alpha", m.alpha)


def bound(m: Any) -> Symbol:
    return Symbol(r"\lambda", m.lambd)


def elu(x: Symbol, m: Any) -> Expression:
    return largest(x, 0) + alpha(m) * (exp(smallest(x, 0)) - 1)


def selu(x: Symbol, m: Any) -> Expression:
    return Symbol(r"\lambda", m.scale) * elu(x, m)


def selu_slope(x: Symbol, y: Symbol, m: Any) -> Expression:
    scale = Symbol(r"\lambda", m.scale)
    return scale if x.value > 0 else scale * alpha(m) * exp(x)


def sixth(x: Symbol) -> Expression:
    """The hard sigmoid."""
    return smallest(largest(x / 6 + Constant(0.5), 0), 1)


def phi(x: Symbol, m: Any) -> Expression:
    """The normal distribution function, or its approximation."""
    if m.approximate == "tanh":
        return Constant(0.5) * (1 + tanh(sqrt(2 / PI) * (x + Constant(0.044715) * x**3)))
    return Constant(0.5) * (1 + erf(x / sqrt(Constant(2))))


def density(x: Symbol, m: Any) -> Expression:
    """The derivative of that."""
    if m.approximate == "tanh":
        p = Symbol(rf"\Phi({x.name})", phi(x, m).value)
        return 2 * p * (1 - p) * sqrt(2 / PI) * (1 + Constant(0.134145) * x**2)
    return 1 / sqrt(2 * PI) * exp(-(x**2 / 2))


def is_straight(x: Symbol, m: Any) -> bool:
    return m.beta * x.value > m.threshold


def beta_times(x: Symbol, m: Any) -> Expression:
    return Symbol(r"\beta", m.beta) * x


def softplus_of(x: Symbol, m: Any) -> Expression:
    return x if is_straight(x, m) else 1 / Symbol(r"\beta", m.beta) * softplus(beta_times(x, m))


def clamp(x: Symbol, m: Any) -> Expression:
    above = x if m.min is None else largest(x, m.min)
    return above if m.max is None else smallest(above, m.max)


def clamp_slope(x: Symbol, y: Symbol, m: Any) -> Expression:
    low = ONE if m.min is None else holds(x, r"\ge", m.min)
    if m.max is None:
        return low
    high = holds(x, r"\le", m.max)
    return high if m.min is None else low * high


PI = Symbol(r"\pi", math.pi)
ONE, ZERO = Constant(1), Constant(0)

STEPS: dict[type[Module], Gate] = {
    nn.GELU: lambda x, m: [
        Line(rf"\Phi({x.name})", phi(x, m)),
        Line(rf"\Phi'({x.name})", density(x, m)),
    ],
    nn.SiLU: lambda x, m: [Line("g", sigmoid(x))],
    nn.Mish: lambda x, m: [Line("g", tanh(log(1 + exp(x)) if x.value < 30 else softplus(x)))],
    nn.Hardswish: lambda x, m: [Line("g", sixth(x))],
}
"""Numbers on the way that both formulas use."""


def gelu_slope(x: Symbol, y: Symbol, m: Any) -> Expression:
    first, second = (line.symbol for line in STEPS[nn.GELU](x, m))
    return first + x * second


def gate(x: Symbol, m: Any) -> Symbol:
    return STEPS[type(m)](x, m)[0].symbol


def mish_slope(x: Symbol, y: Symbol, m: Any) -> Expression:
    return gate(x, m) + x * (1 - gate(x, m) ** 2) * sigmoid(x)


FORMULAS: dict[type[Module], tuple[Formula, Slope]] = {
    nn.ReLU: (lambda x, m: largest(x, 0), lambda x, y, m: holds(x, ">", 0)),
    nn.ReLU6: (lambda x, m: smallest(largest(x, 0), 6), lambda x, y, m: holds(x, ">", 0) * holds(x, "<", 6)),
    nn.Threshold: (
        lambda x, m: x if x.value > m.threshold else Symbol(r"\text{value}", m.value),
        lambda x, y, m: holds(x, ">", Symbol(r"\text{threshold}", m.threshold)),
    ),
    nn.LeakyReLU: (
        lambda x, m: x if x.value > 0 else Symbol("a", m.negative_slope) * x,
        lambda x, y, m: ONE if x.value > 0 else Symbol("a", m.negative_slope),
    ),
    nn.ELU: (elu, lambda x, y, m: ONE if x.value > 0 else alpha(m) * exp(x)),
    nn.SELU: (selu, selu_slope),
    nn.CELU: (
        lambda x, m: largest(x, 0) + alpha(m) * (exp(smallest(x, 0) / alpha(m)) - 1),
        lambda x, y, m: exp(smallest(x, 0) / alpha(m)),
    ),
    nn.GELU: (lambda x, m: x * STEPS[nn.GELU](x, m)[0].symbol, gelu_slope),
    nn.Sigmoid: (lambda x, m: 1 / (1 + exp(-x)), lambda x, y, m: y * (1 - y)),
    nn.LogSigmoid: (lambda x, m: -log(1 + exp(-x)), lambda x, y, m: sigmoid(-x)),
    nn.Hardsigmoid: (lambda x, m: sixth(x), lambda x, y, m: holds(absolute(x), "<", 3) / 6),
    nn.SiLU: (lambda x, m: x * gate(x, m), lambda x, y, m: gate(x, m) + y * (1 - gate(x, m))),
    nn.Hardswish: (
        lambda x, m: x * gate(x, m),
        lambda x, y, m: gate(x, m) + x / 6 * holds(absolute(x), "<", 3),
    ),
    nn.Softplus: (softplus_of, lambda x, y, m: ONE if is_straight(x, m) else sigmoid(beta_times(x, m))),
    nn.Mish: (lambda x, m: x * gate(x, m), mish_slope),
    nn.Softsign: (lambda x, m: x / (1 + absolute(x)), lambda x, y, m: 1 / (1 + absolute(x)) ** 2),
    nn.Tanh: (lambda x, m: tanh(x), lambda x, y, m: 1 - y**2),
    nn.Hardtanh: (
        lambda x, m: smallest(largest(x, m.min_val), m.max_val),
        lambda x, y, m: holds(x, ">", m.min_val) * holds(x, "<", m.max_val),
    ),
    nn.Tanhshrink: (lambda x, m: x - tanh(x), lambda x, y, m: tanh(x) ** 2),
    nn.Softshrink: (
        lambda x, m: x - smallest(largest(x, -bound(m)), bound(m)),
        lambda x, y, m: holds(absolute(x), ">", bound(m)),
    ),
    nn.Hardshrink: (
        lambda x, m: x * holds(absolute(x), ">", bound(m)),
        lambda x, y, m: holds(absolute(x), ">", bound(m)),
    ),
    nn.Negative: (lambda x, m: -x, lambda x, y, m: Constant(-1)),
    nn.Abs: (lambda x, m: absolute(x), lambda x, y, m: sign(x)),
    nn.Exp: (lambda x, m: exp(x), lambda x, y, m: y),
    nn.Log: (lambda x, m: log(x), lambda x, y, m: 1 / x),
    nn.Log1p: (lambda x, m: log(1 + x), lambda x, y, m: 1 / (1 + x)),
    nn.Sqrt: (lambda x, m: sqrt(x), lambda x, y, m: 1 / (2 * y)),
    nn.Clamp: (clamp, clamp_slope),
}


@explains(*FORMULAS)
def activation(selected: Selection) -> Iterator[Section]:
    """One element: its formula, and its gradient as the upstream one times the derivative."""
    module, index = selected.module, selected.unit
    kind = next(each for each in type(module).__mro__ if each in FORMULAS)
    x, y = symbol("x", selected.x, *index), symbol("y", selected.y, *index)
    steps = STEPS[kind](x, module) if kind in STEPS else []
    formula, slope = FORMULAS[kind]
    yield Section("forward", [*steps, Line(y.name, formula(x, module), y.value)])
    yield from backward(selected, slope(x, y, module))


def backward(selected: Selection, slope: Expression) -> Iterator[Section]:
    """The gradient of an element whose output depends on it alone."""
    dy, dx, index = selected.dy, selected.dx, selected.unit
    if dy is not None and dx is not None:
        line = Line(
            derivative(indexed("x", *index)), times(gradient("y", dy, *index), slope), dx[index].item()
        )
        yield Section("backward", [line])


@explains(nn.RReLU)
def rrelu(selected: Selection) -> Iterator[Section]:
    """One element; the fraction that was drawn is the output over the input."""
    x, y = (
        symbol(letter, values, *selected.unit) for letter, values in (("x", selected.x), ("y", selected.y))
    )
    slope = ONE if x.value > 0 or not x.value else Symbol("a", y.value / x.value)
    formula = x if x.value > 0 else slope * x
    note = "" if x.value > 0 or not x.value else f"The fraction a = {y.value / x.value:.4g} is y / x."
    yield Section("forward", [Line(y.name, formula, y.value)], note)
    if x.value:
        yield from backward(selected, slope)


@explains(nn.PReLU)
def prelu(selected: Selection) -> Iterator[Section]:
    """One element, and the gradient of its channel's fraction."""
    call, unit = selected.call, selected.unit
    weight = call.parameters["weight"]
    c = unit[0] if len(weight) > 1 else 0
    x, y, a = symbol("x", selected.x, *unit), symbol("y", selected.y, *unit), symbol("a", weight, c)
    yield Section("forward", [Line(y.name, x if x.value > 0 else a * x, y.value)])
    yield from backward(selected, ONE if x.value > 0 else a)
    if "weight" in call.gradients and call.grad_outputs:
        xs, dys = call.inputs[0], call.grad_outputs[0]
        chosen = [i for i in (xs <= 0).nonzero().tolist() if len(weight) == 1 or i[1] == c]
        terms = [gradient_of_sample("y", dys, *i) * of_sample("x", xs, *i) for i in chosen]
        line = Line(derivative(a.name), Sum(terms), call.gradients["weight"][c].item())
        yield Section("backward: the fraction, summed over all negative inputs", [line])


@explains(nn.GLU)
def glu(selected: Selection) -> Iterator[Section]:
    """One element, and the gradients of its two halves."""
    call, full = selected.call, list(selected.full)
    dim = selected.module.dim % call.inputs[0].ndim
    other = list(full)
    other[dim] += call.outputs.shape[dim]
    ia, ib = tuple(full), tuple(other)
    a, b = (of_sample("x", call.inputs[0], *i) for i in (ia, ib))
    y = of_sample("y", call.outputs, *ia)
    g = Line("g", sigmoid(b))
    yield Section("forward", [g, Line(y.name, a * g.symbol, y.value)], "g is the gate.")
    dx = call.input_gradients()[0]
    if call.grad_outputs and dx is not None:
        dy = gradient_of_sample("y", call.grad_outputs[0], *ia)
        lines = [
            Line(derivative(a.name), dy * g.symbol, dx[ia].item()),
            Line(derivative(b.name), dy * y * (1 - g.symbol), dx[ib].item()),
        ]
        yield Section("backward", lines)
