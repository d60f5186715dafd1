"""The numbers of updates: one element of each parameter of a module, by the optimizer's rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from torch import Tensor

from plaingrad import nn, optim
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Constant, Expression, Sum, Symbol, largest, sqrt
from plaingrad.inspect.explain.selection import Selection, first, indexed
from plaingrad.inspect.record import Call, Trace
from plaingrad.inspect.record.recording import own_parameters
from plaingrad.optim import Optimizer
from plaingrad.parameter import Parameter

MOST_CALLS = 8  # that are named

Rule = Callable[[Symbol, Symbol, dict[str, Any], dict[str, Any]], Iterator[Line]]
"""Lines from the parameter, its gradient, the state of the element before the step and the options."""


def rate(group: dict[str, Any]) -> Symbol:
    return Symbol(r"\gamma", group["lr"])


def decayed(theta: Symbol, g: Symbol, group: dict[str, Any]) -> Iterator[Line]:
    """The gradient after the penalty on large weights."""
    if group.get("weight_decay"):
        yield Line("g'", g + Symbol(r"\lambda", group["weight_decay"]) * theta)


def sgd(theta: Symbol, g: Symbol, state: dict[str, Any], group: dict[str, Any]) -> Iterator[Line]:
    mu = Symbol(r"\mu", group["momentum"])
    step = g
    if mu.value:
        before = state.get("momentum_buffer")
        share = 1 - Symbol(r"\tau", group["dampening"]) if group["dampening"] else Constant(1)
        kept = g if before is None else mu * Symbol("b", before) + (share * g if group["dampening"] else g)
        velocity = Line("b'", kept)
        yield velocity
        step = velocity.symbol
        if group["nesterov"]:
            yield Line(r"\theta'", theta - rate(group) * (g + mu * step))
            return
    yield Line(r"\theta'", theta - rate(group) * step)


def adam(theta: Symbol, g: Symbol, state: dict[str, Any], group: dict[str, Any]) -> Iterator[Line]:
    beta1, beta2 = (Symbol(rf"\beta_{i}", beta) for i, beta in enumerate(group["betas"], 1))
    t = state.get("step", 0) + 1
    m = Line("m'", beta1 * Symbol("m", state.get("exp_avg", 0.0)) + (1 - beta1) * g)
    v = Line("v'", beta2 * Symbol("v", state.get("exp_avg_sq", 0.0)) + (1 - beta2) * g**2)
    yield from (m, v)
    square: Expression = v.symbol
    if group["amsgrad"]:
        most = Line(r"v_{\max}", largest(Symbol(r"v_{\max}", state.get("max_exp_avg_sq", 0.0)), v.symbol))
        yield most
        square = most.symbol
    mean = Line(r"\hat m", m.symbol / (1 - beta1**t))
    second = Line(r"\hat v", square / (1 - beta2**t))
    yield from (mean, second)
    eps: Expression = Symbol(r"\epsilon", group["eps"])
    if group["epsilon_hat"]:
        eps = Symbol(r"\hat\epsilon", group["eps"]) / sqrt(1 - beta2**t)
    yield Line(r"\theta'", theta - rate(group) * (mean.symbol / (sqrt(second.symbol) + eps)))


def rmsprop(theta: Symbol, g: Symbol, state: dict[str, Any], group: dict[str, Any]) -> Iterator[Line]:
    alpha, eps = Symbol(r"\alpha", group["alpha"]), Symbol(r"\epsilon", group["eps"])
    s = Line("s'", alpha * Symbol("s", state.get("square_avg", 0.0)) + (1 - alpha) * g**2)
    yield s
    square: Expression = s.symbol
    if group["centered"]:
        mean = Line(r"\bar g'", alpha * Symbol(r"\bar g", state.get("grad_avg", 0.0)) + (1 - alpha) * g)
        yield mean
        square = s.symbol - mean.symbol**2
    step: Expression = g / (sqrt(square) + eps)
    if group["momentum"]:
        b = Line(
            "b'", Symbol(r"\mu", group["momentum"]) * Symbol("b", state.get("momentum_buffer", 0.0)) + step
        )
        yield b
        step = b.symbol
    yield Line(r"\theta'", theta - rate(group) * step)


def adagrad(theta: Symbol, g: Symbol, state: dict[str, Any], group: dict[str, Any]) -> Iterator[Line]:
    start = state.get("sum", group["initial_accumulator_value"])
    s = Line("s'", Symbol("s", start) + g**2)
    yield s
    t = state.get("step", 0) + 1
    lr: Expression = rate(group)
    if group["lr_decay"]:
        lr = lr / (1 + (Symbol("t", t) - 1) * Symbol(r"\eta", group["lr_decay"]))
    yield Line(r"\theta'", theta - lr * (g / (sqrt(s.symbol) + Symbol(r"\epsilon", group["eps"]))))


RULES: dict[type[Optimizer], Rule] = {
    optim.SGD: sgd,
    optim.Adam: adam,
    optim.AdamW: adam,
    optim.RMSprop: rmsprop,
    optim.Adagrad: adagrad,
}


def updates(selected: Selection) -> Iterator[Section]:
    """The update of one element of each parameter of the module, if the record has one."""
    call, optimizer = selected.call, selected.trace.optimizer
    if optimizer is None or not call.updated:
        return
    for name, parameter in own_parameters(call.module).items():
        group = next((g for g in optimizer.param_groups if any(p is parameter for p in g["params"])), None)
        if group is None or parameter.frozen or not parameter.has_grad:
            yield Section(f"update: {name}", note="It is not updated.")
            continue
        index = element(selected, parameter.value)
        title = f"update: {name}{list(index)}" if index else f"update: {name}"
        if type(optimizer) not in RULES or group.get("maximize"):
            equations = " The record has the numbers before and after it."
            yield Section(
                title, note=f"The rule of {type(optimizer).__name__} is not written out.{equations}"
            )
            continue
        ran = call.updated[name][index].item()
        shares = contributions(selected.trace, parameter)
        notes = [sum_note(list(shares))] if len(shares) > 1 else []
        notes += ["g is the gradient after clipping."] if optimizer.clip_norm is not None else []
        steps = list(lines(selected, optimizer, group, name, parameter, index, ran))
        if len(shares) > 1:
            steps.insert(0, summed(shares.values(), parameter, index, optimizer.clip_norm is not None))
        yield Section(title, steps, " ".join(notes))


def contributions(trace: Trace, parameter: Parameter) -> dict[Call, Tensor]:
    """The gradient of a parameter by the calls in the step that have added to it, in their order."""
    shares: dict[Call, Tensor] = {}
    for call in trace.calls:
        for name, own in own_parameters(call.module).items():
            if own is parameter and name in call.gradients:
                shares.setdefault(call, call.gradients[name])
    return shares


def summed(shares: Iterable[Tensor], parameter: Parameter, index: tuple[int, ...], is_clipped: bool) -> Line:
    """The gradient of one element as the sum over calls; of one that is clipped afterwards what it was."""
    terms = [Symbol(indexed("g", k), share[index].item()) for k, share in enumerate(shares)]
    if is_clipped:
        return Line(r"\bar g", Sum(terms))
    return Line("g", Sum(terms), parameter.grad[index].item())


def sum_note(calls: list[Call]) -> str:
    """The words on a sum over several calls."""
    several = Counter(call.path for call in calls)
    names = [f"{call.path!r}{f' (use {call.use})' if several[call.path] > 1 else ''}" for call in calls]
    which = f"its calls at {', '.join(names)}" if len(names) <= MOST_CALLS else f"its {len(names)} calls"
    return f"The update is that of the sum of what {which} add to the gradient."


def lines(
    selected: Selection,
    optimizer: Optimizer,
    group: dict[str, Any],
    name: str,
    parameter: Parameter,
    index: tuple[int, ...],
    ran: float,
) -> Iterator[Line]:
    """The update of one element, with the decay before it."""
    memory = selected.trace.states.get(parameter, {})
    state = {
        key: each[index].item() if isinstance(each, Tensor) and each.ndim else each
        for key, each in memory.items()
    }
    theta = Symbol(r"\theta", selected.call.parameters[name][index].item())
    g = Symbol("g", parameter.grad[index].item())
    if group.get("decoupled_weight_decay"):
        if group["weight_decay"]:
            shrunk = Line(
                r"\theta_{\lambda}", (1 - rate(group) * Symbol(r"\lambda", group["weight_decay"])) * theta
            )
            yield shrunk
            theta = shrunk.symbol
    else:
        for line in decayed(theta, g, group):
            yield line
            g = line.symbol
    *steps, last = RULES[type(optimizer)](theta, g, state, group)
    yield from steps
    yield Line(last.name, last.formula, ran)


def element(selected: Selection, values: Tensor) -> tuple[int, ...]:
    """The first element of a parameter that belongs to the selected unit; of a table what was looked up."""
    if isinstance(selected.module, nn.Embedding):
        *around, column = selected.unit
        return int(selected.x[tuple(around)]), column
    y = first(selected.call.outputs)
    row = 0
    if values.ndim and isinstance(y, Tensor) and y.ndim:
        sizes = [n for axis, n in enumerate(y.shape) if axis != selected.axis]
        rows = [i for i, n in zip(selected.unit, sizes) if n == values.shape[0]]
        row = rows[-1] if rows else 0
    return (row, *[0] * (values.ndim - 1)) if values.ndim else ()
