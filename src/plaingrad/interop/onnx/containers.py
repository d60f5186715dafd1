"""The operators of networks: those of the modules in them."""

from __future__ import annotations

import functools
import operator
from typing import Any

import torch

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Value, composite, emit_child
from plaingrad.nn.container.graph import substituted


@composite(nn.Sequential, nn.Residual)
def sequential(graph: Graph, module: nn.Sequential, x: Value) -> Any:
    y = x
    for key, _ in module.named_children():
        y = emit_child(graph, module, key, y)
    return plus(graph, x, y) if isinstance(module, nn.Residual) else y


@composite(nn.Parallel)
def parallel(graph: Graph, module: nn.Parallel, x: Value) -> Value:
    parts = [emit_child(graph, module, key, x) for key, _ in module.named_children()]
    if module.combine == "sum":
        return plus(graph, *parts)
    examples = [torch.cat(each, module.dim) for each in zip(*((part.two, part.three) for part in parts))]
    return Value(graph.op("Concat", *(part.name for part in parts), axis=module.dim), *examples)


@composite(nn.Graph)
def network(graph: Graph, module: nn.Graph, *inputs: Any, **options: Any) -> Any:
    """The nodes in order; each parameter or buffer that is a node is a number of the graph."""
    values: dict[str, Any] = {**dict(zip(module.inputs, inputs)), **options}
    fields = dict(module.own_values())
    for name, step in module.steps.items():
        if step.operation in fields:
            field = fields[step.operation]
            values[name] = Value(graph.field(field), field.value, field.value)
            continue
        arguments = [substituted(each, values.__getitem__) for each in step.arguments]
        by_name = {key: substituted(each, values.__getitem__) for key, each in step.options.items()}
        values[name] = emit_child(graph, module, step.operation, *arguments, **by_name)
    return substituted(module.outputs, values.__getitem__)


@composite(nn.FunctionalCall)
def functional_call(graph: Graph, module: nn.FunctionalCall, *inputs: Any, **options: Any) -> Any:
    """The layer, with the weights that come with the inputs."""
    count = len(inputs) - len(module.names)
    for name, weight in zip(module.names, inputs[count:]):
        derived = vars(module.layer)[name]
        derived.assign(weight.two)
        graph.compute(derived, weight.name)
    return emit_child(graph, module, "layer", *inputs[:count], **options)


def plus(graph: Graph, *terms: Value) -> Value:
    """The sum of several tensors."""
    name = graph.op("Add" if len(terms) == 2 else "Sum", *(each.name for each in terms))
    sums = (functools.reduce(operator.add, each) for each in zip(*((v.two, v.three) for v in terms)))
    return Value(name, *sums)
