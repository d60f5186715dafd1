"""The ONNX operators of recurrent layers and cells."""

from __future__ import annotations

from typing import Any

import torch

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators
from plaingrad.module import ModuleError
from plaingrad.nn.recurrent.base import Recurrent
from plaingrad.nn.recurrent.cell import Cell
from plaingrad.nn.recurrent.layer import REVERSE, RNNBase

# For each gate in ONNX' order, its position here: i, o, f, g of an LSTM; z, r, n of a GRU.
GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}


def operator_of(module: Recurrent) -> str:
    return type(module).__name__.removesuffix("Cell")


@operators(nn.RNN, nn.GRU, nn.LSTM)
def layers(graph: Graph, module: RNNBase, y: Pair, x: Value, hx: Any = None) -> tuple[Any, Any]:
    if not isinstance(x, Value) or x.two.ndim != 3:
        got = "packed ones" if not isinstance(x, Value) else f"samples {tuple(x.two.shape[1:])}"
        raise ModuleError(module, f"expected a batch of sequences, got {got}")
    if module.proj_size:
        raise ModuleError(module, f"expected proj_size 0, which ONNX has alone, got {module.proj_size}")
    directions = module.num_directions
    rows = graph.op("Transpose", x.name, perm=[1, 0, 2]) if module.batch_first else x.name
    lasts: list[list[str]] = []
    for layer in range(module.num_layers):
        start = layer * directions
        states = [
            graph.op("Slice", state.name, *(graph.integers([k]) for k in (start, start + directions, 0)))
            for state in states_of(module, hx)
        ]
        suffixes = [f"_l{layer}{end}" for end in ("", REVERSE)[:directions]]
        outputs, *last = run(graph, module, rows, states, suffixes)
        lasts.append(last)
        if directions == 1:
            rows = graph.op("Squeeze", outputs, graph.integers([1]))
        else:
            beside = graph.op("Transpose", outputs, perm=[0, 2, 1, 3])
            rows = graph.op("Reshape", beside, graph.integers([0, 0, -1]))
    rows = graph.op("Transpose", rows, perm=[1, 0, 2]) if module.batch_first else rows
    joined = tuple(graph.op("Concat", *each, axis=0) for each in zip(*lasts))
    return rows, joined if module.has_cell_state else joined[0]


@operators(nn.RNNCell, nn.GRUCell, nn.LSTMCell)
def cell(graph: Graph, module: Cell, y: Pair, x: Value, hx: Any = None) -> Any:
    """A sequence of one step."""
    if x.two.ndim != 2:
        raise ModuleError(module, f"expected samples ({module.input_size},), got {tuple(x.two.shape[1:])}")
    first = graph.integers([0])
    states = [graph.op("Unsqueeze", state.name, first) for state in states_of(module, hx)]
    _, *last = run(graph, module, graph.op("Unsqueeze", x.name, first), states, [""])
    outputs = tuple(graph.op("Squeeze", each, first) for each in last)
    return outputs if module.has_cell_state else outputs[0]


def states_of(module: Recurrent, hx: Any) -> tuple[Value, ...]:
    """The states at the start, one by one; none if they are zeros."""
    return () if hx is None else tuple(hx) if module.has_cell_state else (hx,)


def run(graph: Graph, module: Recurrent, rows: str, states: list[str], suffixes: list[str]) -> list[str]:
    """One layer in its directions: the outputs of each step and direction, and the last states."""
    kind, size = operator_of(module), module.hidden_size
    order = torch.arange(len(GATES[kind]) * size).view(-1, size)[GATES[kind]].flatten().tolist()

    def in_order(name: str) -> str:
        """The parameter of each direction, its gates in ONNX' order."""
        each = [graph.field(getattr(module, name + suffix)) for suffix in suffixes]
        if len(GATES[kind]) > 1:
            each = [graph.op("Gather", one, graph.integers(order), axis=0) for one in each]
        first = graph.integers([0])
        return graph.op("Concat", *(graph.op("Unsqueeze", one, first) for one in each), axis=0)

    bias = ""
    if module.bias:  # type: ignore[attr-defined]
        bias = graph.op("Concat", in_order("bias_ih"), in_order("bias_hh"), axis=1)
    options: dict[str, Any] = {"hidden_size": size}
    if len(suffixes) == 2:
        options["direction"] = "bidirectional"
    if kind == "RNN":
        options["activations"] = [module.nonlinearity.capitalize()] * len(suffixes)  # type: ignore[attr-defined]
    if kind == "GRU":
        options["linear_before_reset"] = 1
    inputs = [rows, in_order("weight_ih"), in_order("weight_hh"), bias, "", *states]
    return graph.ops(kind, *inputs, outputs=3 if kind == "LSTM" else 2, **options)
