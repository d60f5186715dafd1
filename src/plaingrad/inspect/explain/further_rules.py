"""The numbers of the rarer update rules, for one element of a parameter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from plaingrad import optim
from plaingrad.inspect.explain.explanation import Line
from plaingrad.inspect.explain.expression import (
    Constant,
    Expression,
    Fraction,
    Symbol,
    absolute,
    largest,
    sign,
    smallest,
    sqrt,
)
from plaingrad.inspect.explain.rules import RULES, rate

State = dict[str, Any]


def adadelta(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    rho, eps = Symbol(r"\rho", group["rho"]), Symbol(r"\epsilon", group["eps"])
    a = Symbol("a", state.get("acc_delta", 0.0))
    s = Line("s'", rho * Symbol("s", state.get("square_avg", 0.0)) + (1 - rho) * g**2)
    delta = Line(r"\delta", Fraction(sqrt(a + eps), sqrt(s.symbol + eps)) * g)
    yield from (s, delta, Line("a'", rho * a + (1 - rho) * delta.symbol**2))
    yield Line(r"\theta'", theta - rate(group) * delta.symbol)


def adamax(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    beta1, beta2 = betas(group)
    t = state.get("step", 0) + 1
    m = Line("m'", beta1 * Symbol("m", state.get("exp_avg", 0.0)) + (1 - beta1) * g)
    before = beta2 * Symbol("u", state.get("exp_inf", 0.0))
    u = Line("u'", largest(before, absolute(g) + Symbol(r"\epsilon", group["eps"])))
    yield from (m, u)
    yield Line(r"\theta'", theta - rate(group) / (1 - beta1**t) * (m.symbol / u.symbol))


def nadam(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    beta1, beta2 = betas(group)
    t = state.get("step", 0) + 1
    m, v = moments(g, state, group)
    second = Line(r"\hat v", v.symbol / (1 - beta2**t))
    mu, following = (
        Line(name, beta1 * (1 - Constant(0.5) * Symbol("c", 0.96 ** (i * group["momentum_decay"]))))
        for name, i in ((r"\mu_t", t), (r"\mu_{t+1}", t + 1))
    )
    product = Line("M_t", Symbol("M_{t-1}", state.get("mu_product", 1.0)) * mu.symbol)
    later = Line("M_{t+1}", product.symbol * following.symbol)
    yield from (m, v, second, mu, following, product, later)
    ahead = Fraction(1 - mu.symbol, 1 - product.symbol) * g
    ahead = ahead + Fraction(following.symbol, 1 - later.symbol) * m.symbol
    step = rate(group) / (sqrt(second.symbol) + Symbol(r"\epsilon", group["eps"]))
    yield Line(r"\theta'", theta - step * ahead)


def radam(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    beta1, beta2 = betas(group)
    t = state.get("step", 0) + 1
    m, v = moments(g, state, group)
    mean = Line(r"\hat m", m.symbol / (1 - beta1**t))
    most = Line(r"\rho_\infty", 2 / (1 - beta2) - 1)
    rho = Line(r"\rho_t", most.symbol - 2 * Symbol("t", t) * beta2**t / (1 - beta2**t))
    yield from (m, v, mean, most, rho)
    step: Expression = mean.symbol
    if rho.formula.value > 5:
        r, top = rho.symbol, most.symbol
        above, below = (r - 4) * (r - 2) * top, (top - 4) * (top - 2) * r
        trust = Line("r_t", sqrt(above / below))
        yield trust
        share = sqrt(1 - beta2**t) / (sqrt(v.symbol) + Symbol(r"\epsilon", group["eps"]))
        step = mean.symbol * share * trust.symbol
    yield Line(r"\theta'", theta - rate(group) * step)


def rprop(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    shrink, grow = (Symbol(name, value) for name, value in zip((r"\eta_-", r"\eta_+"), group["etas"]))
    least, most = group["step_sizes"]
    eta = Symbol(r"\eta", state.get("step_size", group["lr"]))
    agreement = g.value * state.get("prev", 0.0)
    if agreement > 0:
        eta = (size := Line(r"\eta'", smallest(grow * eta, most))).symbol
        yield size
    elif agreement < 0:
        yield Line(r"\eta'", largest(shrink * eta, least))
        yield Line(r"\theta'", theta - Constant(0))
        return
    yield Line(r"\theta'", theta - eta * sign(g))


def asgd(theta: Symbol, g: Symbol, state: State, group: dict[str, Any]) -> Iterator[Line]:
    eta = Symbol(r"\eta_t", state["eta"] if state.get("step", 0) else group["lr"])
    yield Line(r"\theta'", (1 - Symbol(r"\lambda", group["lambd"]) * eta) * theta - eta * g)


def betas(group: dict[str, Any]) -> tuple[Symbol, Symbol]:
    """The shares of the two running means that are kept."""
    beta1, beta2 = group["betas"]
    return Symbol(r"\beta_1", beta1), Symbol(r"\beta_2", beta2)


def moments(g: Symbol, state: State, group: dict[str, Any]) -> tuple[Line, Line]:
    """The running means of the gradient and of its square."""
    beta1, beta2 = betas(group)
    m = Line("m'", beta1 * Symbol("m", state.get("exp_avg", 0.0)) + (1 - beta1) * g)
    v = Line("v'", beta2 * Symbol("v", state.get("exp_avg_sq", 0.0)) + (1 - beta2) * g**2)
    return m, v


RULES.update(
    {
        optim.Adadelta: adadelta,
        optim.Adamax: adamax,
        optim.NAdam: nadam,
        optim.RAdam: radam,
        optim.Rprop: rprop,
        optim.ASGD: asgd,
    }
)
