"""Rows of the conformance table: recurrent networks, with states and outputs one after another."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn


class TorchRNN(torch.nn.RNN):
    """torch.nn's, with its arguments in its signature; so are those below."""

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: None = None,
        dtype: None = None,
    ) -> None:
        super().__init__(
            *(input_size, hidden_size, num_layers, nonlinearity, bias, batch_first, dropout, bidirectional),
            device=device,
            dtype=dtype,
        )


class TorchGRU(torch.nn.GRU):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: None = None,
        dtype: None = None,
    ) -> None:
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional),
            device=device,
            dtype=dtype,
        )


class TorchLSTM(torch.nn.LSTM):
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: None = None,
        dtype: None = None,
    ) -> None:
        super().__init__(
            *(input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size),
            device=device,
            dtype=dtype,
        )

    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Any:
        y, states = super().forward(x, None if h is None else (h, c))
        return (y, *states)


class LSTM(nn.LSTM):
    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Any:
        y, states = super().forward(x, None if h is None else (h, c))
        return (y, *states)

    def backward(self, dy: Tensor, dh: Any = None, dc: Any = None) -> Any:
        dx, dstates = super().backward(dy, (dh, dc))
        return (dx, *(dstates or (None, None)))

    def save(self, state: Any, outputs: Any = (), *more: Any) -> None:
        super().save(state, (outputs[0], *outputs[1]))

    def restore(self, dy: Any, dlast: Any) -> Any:
        return super().restore(dy, *dlast)


class TorchLSTMCell(torch.nn.LSTMCell):
    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Any:
        return super().forward(x, None if h is None else (h, c))


class LSTMCell(nn.LSTMCell):
    def forward(self, x: Tensor, h: Tensor | None = None, c: Tensor | None = None) -> Any:
        return super().forward(x, None if h is None else (h, c))

    def backward(self, dh: Any, dc: Any = None) -> Any:
        dx, dstates = super().backward(dh, dc)
        return (dx, *(dstates or (None, None)))


@st.composite
def layers(draw: st.DrawFn, kind: str) -> Arguments:
    arguments = {
        "input_size": draw(sizes),
        "hidden_size": draw(st.integers(2, 4)),
        "num_layers": draw(st.integers(1, 3)),
        **{name: draw(st.booleans()) for name in ("bias", "batch_first", "bidirectional")},
    }
    if arguments["num_layers"] > 1:
        arguments["dropout"] = draw(st.sampled_from([0.0, 0.3, 1.0]))
    if kind == "RNN":
        arguments["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    if kind == "LSTM":
        arguments["proj_size"] = draw(st.integers(0, 1))
    return arguments


@st.composite
def sequences(draw: st.DrawFn, arguments: Arguments, kind: str) -> Inputs:
    """A batch or a single sequence, with or without states."""
    time, batch = draw(sizes), draw(st.none() | sizes)
    shape = [time] if batch is None else [batch, time] if arguments["batch_first"] else [time, batch]
    x = draw(normal(*shape, arguments["input_size"]))
    if draw(st.booleans()):
        return (x,)
    directions = arguments["num_layers"] * (1 + arguments["bidirectional"])
    hidden, behind = arguments["hidden_size"], [] if batch is None else [batch]
    states = [arguments.get("proj_size") or hidden, *([hidden] if kind == "LSTM" else [])]
    return x, *(draw(normal(directions, *behind, size)) for size in states)


@st.composite
def cells(draw: st.DrawFn, kind: str) -> Arguments:
    arguments = {"input_size": draw(sizes), "hidden_size": draw(sizes), "bias": draw(st.booleans())}
    if kind == "RNN":
        arguments["nonlinearity"] = draw(st.sampled_from(["tanh", "relu"]))
    return arguments


@st.composite
def steps(draw: st.DrawFn, arguments: Arguments, kind: str) -> Inputs:
    before = draw(st.lists(sizes, max_size=1))
    states = draw(st.sampled_from([0, 2 if kind == "LSTM" else 1]))
    hidden = [draw(normal(*before, arguments["hidden_size"])) for _ in range(states)]
    return draw(normal(*before, arguments["input_size"])), *hidden


def layer(kind: str, ours: Any, theirs: Any) -> Case:
    return Case(
        ours=ours,
        theirs=theirs,
        arguments=layers(kind),
        inputs=lambda arguments: sequences(arguments, kind),
        random=True,
        same_draws=True,
    )


def cell(kind: str, ours: Any, theirs: Any) -> Case:
    return Case(
        ours=ours, theirs=theirs, arguments=cells(kind), inputs=lambda arguments: steps(arguments, kind)
    )


CASES = [
    layer("RNN", nn.RNN, TorchRNN),
    layer("GRU", nn.GRU, TorchGRU),
    layer("LSTM", LSTM, TorchLSTM),
    cell("RNN", nn.RNNCell, torch.nn.RNNCell),
    cell("GRU", nn.GRUCell, torch.nn.GRUCell),
    cell("LSTM", LSTMCell, TorchLSTMCell),
]
