"""The numbers of recurrent layers and cells: one unit at one time step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.inspect.explain.explanation import Line, Section
from plaingrad.inspect.explain.expression import Expression, Sum, Symbol, holds, largest, sigmoid, tanh
from plaingrad.inspect.explain.registry import explains
from plaingrad.inspect.explain.selection import Selection, derivative, first, indexed, symbol
from plaingrad.nn.recurrent.cell import Cell

GATES = {"LSTM": "ifgo", "GRU": "rzn", "RNN": "a"}


@dataclass
class Run:
    """The states of one sequence and their gradients, computed again step by step.

    Attributes:
        kind: "LSTM", "GRU" or "RNN".
        xs: the inputs, shape ``(time, input_size)``.
        h: the hidden states, with that before the first step.
        c: the cell states likewise, of an LSTM.
        w: the weights and biases by the beginning of their names.
    """

    kind: str
    xs: Tensor
    h: list[Tensor]
    c: list[Tensor]
    w: dict[str, Tensor]

    def sums(self, t: int) -> tuple[Tensor, Tensor]:
        """The gates' parts of the input and of the last state, a row for each gate."""
        a, u = self.w["weight_ih"] @ self.xs[t], self.w["weight_hh"] @ self.h[t]
        if "bias_ih" in self.w:
            a, u = a + self.w["bias_ih"], u + self.w["bias_hh"]
        gates = len(GATES[self.kind])
        return a.view(gates, -1), u.view(gates, -1)


@explains(nn.LSTM, nn.GRU, nn.RNN, nn.LSTMCell, nn.GRUCell, nn.RNNCell)
def recurrent(selected: Selection) -> Iterator[Section]:
    """The sums and gates of one unit at one time step, its new state, and the gradients on the way back."""
    call, module = selected.call, selected.module
    is_cell = isinstance(module, Cell)
    is_simple = is_cell or (module.num_layers == 1 and not module.bidirectional and not module.proj_size)
    x = call.inputs[0]
    if not is_simple or not isinstance(x, Tensor) or x.ndim != (2 if is_cell else 3):
        note = "Written out are single layers of one direction, with a batch; the record has the numbers."
        yield Section("forward", note=note)
        return
    run = again(selected, is_cell)
    t, k = (0, selected.unit[0]) if is_cell else selected.unit
    relu = getattr(module, "nonlinearity", "tanh") == "relu"
    step = {"LSTM": lstm, "GRU": gru, "RNN": rnn}[run.kind](run, t, k, relu)
    step[-1].ran = selected.y[selected.unit].item()
    after = first(call.outputs[1]) if isinstance(call.outputs, tuple) else None
    if run.kind == "LSTM" and (is_cell or t == len(run.xs) - 1) and after is not None:
        c = call.outputs[1] if is_cell else call.outputs[1][1][0]
        step[-2].ran = c[selected.sample, k].item()
    yield Section(f"forward: step {t + 1}", step)
    if call.grad_outputs:
        yield from backward(selected, run, t, k, relu, is_cell)


def again(selected: Selection, is_cell: bool) -> Run:
    """The states of the sequence up to its end."""
    call = selected.call
    kind = next(kind for kind in GATES if is_kind(selected.module, kind))
    xs = call.inputs[0].select(selected.axis, selected.sample)
    xs = xs.unsqueeze(0) if is_cell else xs
    suffix = "" if is_cell else "_l0"
    w = {
        name: call.parameters[name + suffix]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        if name + suffix in call.parameters
    }
    hx = call.inputs[1] if len(call.inputs) > 1 else call.options.get("hx")
    states = hx if isinstance(hx, tuple) else (hx, None)
    start = [
        xs.new_zeros(selected.module.hidden_size)
        if each is None
        else each[selected.sample]
        if is_cell
        else each[0, selected.sample]
        for each in states
    ]
    run = Run(kind, xs, [start[0]], [start[1]], w)
    for t in range(len(xs)):
        a, u = run.sums(t)
        if kind == "LSTM":
            i, f, g, o = a + u
            run.c.append(f.sigmoid() * run.c[t] + i.sigmoid() * g.tanh())
            run.h.append(o.sigmoid() * run.c[-1].tanh())
        elif kind == "GRU":
            r, z = (a + u)[:2].sigmoid()
            n = (a[2] + r * u[2]).tanh()
            run.h.append(n + z * (run.h[t] - n))
        else:
            total = (a + u)[0]
            run.h.append(
                total.clamp_min(0) if getattr(selected.module, "nonlinearity", "") == "relu" else total.tanh()
            )
    return run


def is_kind(module: Any, kind: str) -> bool:
    return isinstance(module, (getattr(nn, kind), getattr(nn, f"{kind}Cell")))


def part(run: Run, t: int, row: int, of_state: bool) -> Expression:
    """The sum over the inputs, or over the last state, that enters a gate."""
    which = "hh" if of_state else "ih"
    values, letter = (run.h[t], "h") if of_state else (run.xs[t], "x")
    weight = run.w[f"weight_{which}"]
    terms = Sum(
        symbol(f"W^{{{which}}}", weight, row, i)
        * Symbol(state_name(letter, t - of_state, i), values[i].item())
        for i in range(len(values))
    )
    bias = run.w.get(f"bias_{which}")
    return terms if bias is None else terms + symbol(f"b^{{{which}}}", bias, row)


def state_name(letter: str, t: int, i: int) -> str:
    """A unit of a state or an input at a time step, from 1; the state before the first step has step 0."""
    return f"{indexed(letter, i)}^{{({t + 1})}}"


def sums(run: Run, t: int, k: int) -> list[Line]:
    """The sum that enters each gate of a unit."""
    size = len(run.h[0])
    lines = []
    for g, letter in enumerate(GATES[run.kind]):
        name = indexed("a" if letter == "a" else f"a^{letter}", k)
        of_x, of_h = (part(run, t, g * size + k, of_state) for of_state in (False, True))
        if run.kind == "GRU" and letter == "n":
            lines += [Line(name, of_x), Line(indexed("u^n", k), of_h)]
        else:
            lines.append(Line(name, of_x + of_h))
    return lines


def lstm(run: Run, t: int, k: int, relu: bool) -> list[Line]:
    total = sums(run, t, k)
    i, f, g, o = (
        Line(indexed(letter, k), (tanh if letter == "g" else sigmoid)(each.symbol))
        for letter, each in zip("ifgo", total)
    )
    before = Symbol(state_name("c", t - 1, k), run.c[t][k].item())
    c = Line(state_name("c", t, k), f.symbol * before + i.symbol * g.symbol)
    return [*total, i, f, g, o, c, Line(state_name("h", t, k), o.symbol * tanh(c.symbol))]


def gru(run: Run, t: int, k: int, relu: bool) -> list[Line]:
    total = sums(run, t, k)
    a_r, a_z, a_n, u_n = (each.symbol for each in total)
    r, z = Line(indexed("r", k), sigmoid(a_r)), Line(indexed("z", k), sigmoid(a_z))
    n = Line(indexed("n", k), tanh(a_n + r.symbol * u_n))
    before = Symbol(state_name("h", t - 1, k), run.h[t][k].item())
    return [*total, r, z, n, Line(state_name("h", t, k), n.symbol + z.symbol * (before - n.symbol))]


def rnn(run: Run, t: int, k: int, relu: bool) -> list[Line]:
    total = sums(run, t, k)
    a = total[0].symbol
    return [*total, Line(state_name("h", t, k), largest(a, 0) if relu else tanh(a))]


def backward(selected: Selection, run: Run, t: int, k: int, relu: bool, is_cell: bool) -> Iterator[Section]:
    """The gradients of the unit's gates at the step, and of the first input there."""
    steps = back_through_time(selected, run, relu, is_cell)
    dh, dc, da = steps[t]
    h_name, size = state_name("h", t, k), len(run.h[0])
    dh_k = Symbol(derivative(h_name), dh[k].item())
    a, u = (each[:, k] for each in run.sums(t))
    lines = []
    if run.kind == "LSTM":
        i, f, g, o = (Symbol(indexed(s, k), v) for s, v in zip("ifgo", gate_values(a + u).tolist()))
        c_name = state_name("c", t, k)
        dc_k = Symbol(derivative(c_name), dc[k].item())
        c, before = (
            Symbol(c_name, run.c[t + 1][k].item()),
            Symbol(state_name("c", t - 1, k), run.c[t][k].item()),
        )
        rest = Symbol(
            f"{dc_k.name}^{{+}}", (dc[k] - dh[k] * o.value * (1 - run.c[t + 1][k].tanh() ** 2)).item()
        )
        lines.append(Line(dc_k.name, rest + dh_k * o * (1 - tanh(c) ** 2)))
        formulas = [
            dc_k * g * i * (1 - i),
            dc_k * before * f * (1 - f),
            dc_k * i * (1 - g**2),
            dh_k * tanh(c) * o * (1 - o),
        ]
        lines += [Line(derivative(indexed(f"a^{s}", k)), each) for s, each in zip("ifgo", formulas)]
        note = "The gradients of h and c are sums of the upstream one and of those of later steps (+)."
    elif run.kind == "GRU":
        r, z = (Symbol(indexed(s, k), v) for s, v in zip("rz", (a + u)[:2].sigmoid().tolist()))
        n = Symbol(indexed("n", k), (a[2] + r.value * u[2]).tanh().item())
        before, u_n = (
            Symbol(state_name("h", t - 1, k), run.h[t][k].item()),
            Symbol(indexed("u^n", k), u[2].item()),
        )
        da_n = Line(derivative(indexed("a^n", k)), dh_k * (1 - z) * (1 - n**2))
        lines = [
            da_n,
            Line(derivative(indexed("a^r", k)), da_n.symbol * u_n * r * (1 - r)),
            Line(derivative(indexed("a^z", k)), dh_k * (before - n) * z * (1 - z)),
        ]
        note = "The gradient of h is the sum of the upstream one and that of later steps."
    else:
        h = Symbol(h_name, run.h[t + 1][k].item())
        lines = [Line(derivative(indexed("a", k)), dh_k * (holds(h, ">", 0) if relu else 1 - h**2))]
        note = "The gradient of h is the sum of the upstream one and that of later steps."
    yield Section(f"backward: step {t + 1}", lines, note)
    dx = selected.dx
    if dx is None:
        return
    weight, letters = run.w["weight_ih"], GATES[run.kind]
    terms = []
    for row, value in enumerate(da.tolist()):
        letter = letters[row // size]
        gate = indexed("a" if letter == "a" else f"a^{letter}", row % size)
        terms.append(Symbol(derivative(gate), value) * symbol("W^{ih}", weight, row, 0))
    ran = dx[0].item() if is_cell else dx[t, 0].item()
    line = Line(derivative(state_name("x", t, 0)), Sum(terms), ran)
    yield Section("backward: the first input, from the gates of all units", [line])


def gate_values(total: Tensor) -> Tensor:
    """The gates i, f, g and o of an LSTM from the sums that enter them."""
    return torch.stack([total[0].sigmoid(), total[1].sigmoid(), total[2].tanh(), total[3].sigmoid()])


def back_through_time(
    selected: Selection, run: Run, relu: bool, is_cell: bool
) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of each step the gradients of h, of c and of the sums that enter the gates by the input."""
    grads, zero = selected.call.grad_outputs or (), torch.zeros_like(run.h[0])
    hs, after_h, after_c = outer_gradients(grads, selected, len(run.xs), zero, is_cell)
    dh_next, dc_next = after_h, after_c
    steps: list[tuple[Tensor, Tensor, Tensor]] = []
    for t in reversed(range(len(run.xs))):
        a, u = run.sums(t)
        dh, dc = hs[t] + dh_next, dc_next
        if run.kind == "LSTM":
            i, f, g, o = gate_values(a + u)
            th = run.c[t + 1].tanh()
            dc = dc + dh * o * (1 - th * th)
            da = torch.cat(
                [
                    dc * g * i * (1 - i),
                    dc * run.c[t] * f * (1 - f),
                    dc * i * (1 - g * g),
                    dh * th * o * (1 - o),
                ]
            )
            du, dc_next, through = da, dc * f, zero
        elif run.kind == "GRU":
            r, z = (a + u)[:2].sigmoid()
            n = (a[2] + r * u[2]).tanh()
            dn = dh * (1 - z) * (1 - n * n)
            shared = torch.cat([dn * u[2] * r * (1 - r), dh * (run.h[t] - n) * z * (1 - z)])
            da, du, through = torch.cat([shared, dn]), torch.cat([shared, dn * r]), dh * z
        else:
            h = run.h[t + 1]
            da = du = dh * ((h > 0) if relu else 1 - h * h)
            through = zero
        steps.insert(0, (dh, dc, da))
        dh_next = through + du @ run.w["weight_hh"]
    return steps


def outer_gradients(
    grads: tuple[Any, ...], selected: Selection, time: int, zero: Tensor, is_cell: bool
) -> tuple[list[Tensor], Tensor, Tensor]:
    """The upstream gradients of the outputs of each step, and of the last states."""
    if is_cell:
        dh, dc = (*grads, None, None)[:2]
        rows = [zero if each is None else each[selected.sample] for each in (dh, dc)]
        return [rows[0]], zero, rows[1]
    dy, last = (*grads, None, None)[:2]
    hs = [zero] * time if dy is None else list(dy.select(selected.axis, selected.sample))
    lasts = last if isinstance(last, tuple) else (last, None)
    states = [zero if each is None else each[0, selected.sample] for each in (*lasts, None)[:2]]
    return hs, states[0], states[1]
