"""The nodes of a `Graph` as plain data, and checked when they are read back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
import torch
from msgspec import Meta

from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.nn.container.graph import Graph
from plaingrad.parameter import Buffer, Parameter
from plaingrad.saving.arguments import DTYPES, Shape
from plaingrad.saving.index import from_data, to_data
from plaingrad.saving.schema import Strict

MOST_NODES = 10_000

VALUES: dict[str, type[Parameter | Buffer]] = {"Parameter": Parameter, "Buffer": Buffer}
VALUE_DTYPES = {**DTYPES, "int64": torch.int64, "bool": torch.bool}

Text = Annotated[str, Meta(min_length=1, max_length=100)]


class ValueData(Strict, frozen=True):
    """A parameter or buffer that is a node itself."""

    kind: str
    shape: Shape
    dtype: str


class NodeData(Strict, frozen=True):
    """A node: the node that brought its operation, and its arguments."""

    name: Text
    operation: Text
    arguments: list[Any]
    options: dict[str, Any]


class GraphData(Strict, frozen=True):
    """The arguments of a `Graph`."""

    inputs: list[Text]
    outputs: Any
    nodes: Annotated[list[NodeData], Meta(max_length=MOST_NODES)]
    values: dict[Text, ValueData]


def read_graph(graph: Graph) -> dict[str, Any]:
    """The arguments of a graph as data that JSON can hold; its modules are its children."""
    return {
        "inputs": list(graph.inputs),
        "outputs": to_data(graph.outputs),
        "nodes": [
            {
                "name": name,
                "operation": step.operation,
                "arguments": [to_data(each) for each in step.arguments],
                "options": {key: to_data(each) for key, each in step.options.items()},
            }
            for name, step in graph.steps.items()
        ],
        "values": {
            name: {
                "kind": type(value).__name__,
                "shape": list(value.value.shape),
                "dtype": str(value.value.dtype).removeprefix("torch."),
            }
            for name, value in graph.own_values()
        },
    }


def build_graph(children: Mapping[str, Module], arguments: Any, device: str | None) -> Graph:
    """A graph of these modules from data that `read_graph` gave.

    Raises:
        ValueError: it is no such data.
    """
    try:
        data = msgspec.convert(arguments, GraphData)
    except msgspec.ValidationError as error:
        raise InputError(f"expected the nodes of a graph: {error}") from None
    operations: dict[str, Any] = {
        **children,
        **{name: zeros_of(each, device) for name, each in data.values.items()},
    }
    nodes = {}
    for node in data.nodes:
        if node.operation not in operations:
            raise InputError(f"expected the operation of a child or value, got {node.operation!r}")
        options = {key: from_data(each) for key, each in node.options.items()}
        arguments = [from_data(each) for each in node.arguments]
        nodes[node.name] = (node.operation, *arguments, *([options] if options else []))
    if len(nodes) < len(data.nodes):
        raise InputError("expected a name of its own for each node")
    return Graph(data.inputs, nodes, from_data(data.outputs), operations)


def zeros_of(data: ValueData, device: str | None) -> Parameter | Buffer:
    """A parameter or buffer of zeros."""
    if data.kind not in VALUES or data.dtype not in VALUE_DTYPES:
        raise InputError(f"expected a Parameter or Buffer of a known dtype, got {data.kind} of {data.dtype}")
    zeros = torch.zeros(data.shape, dtype=VALUE_DTYPES[data.dtype], device=device)
    return VALUES[data.kind](zeros)
