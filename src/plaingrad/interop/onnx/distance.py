"""The ONNX operators of layers that compare two inputs."""

from __future__ import annotations

from plaingrad import nn
from plaingrad.interop.onnx.arithmetic import pnorm
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators


@operators(nn.Bilinear)
def bilinear(graph: Graph, module: nn.Bilinear, y: Pair, x1: Value, x2: Value) -> str:
    """The product of the second input with the weight, then of the first one with that."""
    products = graph.op("Einsum", graph.field(module.weight), x2.name, equation="oij,...j->...oi")
    name = graph.op("Einsum", products, x1.name, equation="...oi,...i->...o")
    return name if module.bias is None else graph.op("Add", name, graph.field(module.bias))


@operators(nn.CosineSimilarity)
def cosine_similarity(graph: Graph, module: nn.CosineSimilarity, y: Pair, x1: Value, x2: Value) -> str:
    """The product of both, spread over one shape, each divided by its norm."""
    shape = graph.op("Shape", graph.op("Mul", x1.name, x2.name))
    normal = []
    for x in (x1, x2):
        spread = graph.op("Expand", x.name, shape)
        length = graph.op("ReduceL2", spread, graph.integers([module.dim]))
        normal.append(graph.op("Div", spread, graph.op("Max", length, graph.number(module.eps))))
    return graph.op("ReduceSum", graph.op("Mul", *normal), graph.integers([module.dim]), keepdims=0)


@operators(nn.PairwiseDistance)
def pairwise_distance(graph: Graph, module: nn.PairwiseDistance, y: Pair, x1: Value, x2: Value) -> str:
    difference = graph.op("Add", graph.op("Sub", x1.name, x2.name), graph.number(module.eps))
    return pnorm(graph, difference, float(module.norm), (-1,), module.keepdim)
