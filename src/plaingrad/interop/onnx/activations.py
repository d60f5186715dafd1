"""The ONNX operators of activations.

Where ONNX has an operator of its own that onnxruntime does not know in double precision, or whose constants
are kept in single precision, it is written as a few elementary ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from torch import Tensor

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import of_one_input

# Takes a module, the name of its input and an example of the input; returns the name of its output.
Operators = Callable[[Graph, Any, str, Tensor], str]


def single(operator: str) -> Operators:
    """One operator without attributes."""
    return lambda graph, module, x, example: graph.op(operator, x)


def gated(gate: Callable[[Graph, str], str]) -> Operators:
    """The input times a function of it."""
    return lambda graph, module, x, example: graph.op("Mul", x, gate(graph, x))


def clip(graph: Graph, x: str, low: float, high: float) -> str:
    return graph.op("Clip", x, graph.number(low), graph.number(high))


def hard_gate(graph: Graph, x: str) -> str:
    """A straight line between 0 and 1, and constant beyond."""
    return clip(graph, graph.op("Add", graph.op("Div", x, graph.number(6)), graph.number(0.5)), 0, 1)


def normal_gate(graph: Graph, x: str) -> str:
    """The probability that a standard normal number lies below the input."""
    return halved(graph, graph.op("Erf", graph.op("Div", x, graph.number(math.sqrt(2)))))


def tanh_gate(graph: Graph, x: str) -> str:
    """The approximation of `normal_gate` by a tanh."""
    cube = graph.op("Mul", graph.op("Mul", graph.op("Mul", x, x), x), graph.number(0.044715))
    return halved(
        graph,
        graph.op("Tanh", graph.op("Mul", graph.op("Add", x, cube), graph.number(math.sqrt(2 / math.pi)))),
    )


def halved(graph: Graph, x: str) -> str:
    """Numbers in -1..1 mapped to 0..1."""
    return graph.op("Mul", graph.op("Add", x, graph.number(1)), graph.number(0.5))


def exponential(graph: Graph, x: str, alpha: float, stretch: float) -> str:
    """The input where it is positive, and elsewhere an exponential that sinks to -alpha."""
    low = graph.op("Min", x, graph.number(0))
    if stretch != 1:
        low = graph.op("Div", low, graph.number(stretch))
    sunk = graph.op("Mul", graph.op("Sub", graph.op("Exp", low), graph.number(1)), graph.number(alpha))
    return graph.op("Add", graph.op("Relu", x), sunk)


def selu(graph: Graph, module: nn.SELU, x: str, example: Tensor) -> str:
    return graph.op("Mul", exponential(graph, x, module.alpha, 1), graph.number(module.scale))


def leaky(graph: Graph, x: str, slope: str) -> str:
    """The input where it is positive, and a multiple of it elsewhere."""
    return graph.op("Where", graph.op("Greater", x, graph.number(0)), x, graph.op("Mul", x, slope))


def prelu(graph: Graph, module: nn.PReLU, x: str, example: Tensor) -> str:
    """The slopes lie along axis 1, and ONNX spreads them from the last axis."""
    slope, trailing = graph.field(module.weight), example.ndim - 2
    if trailing > 0:
        slope = graph.op("Unsqueeze", slope, graph.integers(range(1, trailing + 1)))
    return leaky(graph, x, slope)


def threshold(graph: Graph, module: nn.Threshold, x: str, example: Tensor) -> str:
    above = graph.op("Greater", x, graph.number(module.threshold))
    return graph.op("Where", above, x, graph.number(module.value))


def hardshrink(graph: Graph, module: nn.Hardshrink, x: str, example: Tensor) -> str:
    large = graph.op("Greater", graph.op("Abs", x), graph.number(module.lambd))
    return graph.op("Where", large, x, graph.number(0))


def log_one_plus_exp(graph: Graph, x: str) -> str:
    """The softplus, by the exponential of minus the absolute value, which does not overflow."""
    small = graph.op("Exp", graph.op("Neg", graph.op("Abs", x)))
    return graph.op("Add", graph.op("Relu", x), graph.op("Log", graph.op("Add", small, graph.number(1))))


def softplus(graph: Graph, module: nn.Softplus, x: str, example: Tensor) -> str:
    z = graph.op("Mul", x, graph.number(module.beta))
    y = graph.op("Div", log_one_plus_exp(graph, z), graph.number(module.beta))
    return graph.op("Where", graph.op("Greater", z, graph.number(module.threshold)), x, y)


def log_sigmoid(graph: Graph, module: nn.LogSigmoid, x: str, example: Tensor) -> str:
    return graph.op("Neg", log_one_plus_exp(graph, graph.op("Neg", x)))


def softsign(graph: Graph, module: nn.Softsign, x: str, example: Tensor) -> str:
    return graph.op("Div", x, graph.op("Add", graph.op("Abs", x), graph.number(1)))


def glu(graph: Graph, module: nn.GLU, x: str, example: Tensor) -> str:
    a, b = graph.ops("Split", x, outputs=2, axis=module.dim, num_outputs=2)
    return graph.op("Mul", a, graph.op("Sigmoid", b))


def softmax(graph: Graph, module: nn.Softmax | nn.LogSoftmax, x: str, example: Tensor) -> str:
    axis = module.dim
    if axis is None:
        axis = 0 if example.ndim in (1, 3) else 1
    if isinstance(module, nn.Softmin):
        x = graph.op("Neg", x)
    return graph.op("LogSoftmax" if isinstance(module, nn.LogSoftmax) else "Softmax", x, axis=axis)


TABLE: dict[type, Operators] = {
    nn.ReLU: single("Relu"),
    nn.Sigmoid: single("Sigmoid"),
    nn.Tanh: single("Tanh"),
    nn.Softsign: softsign,
    nn.Mish: gated(lambda graph, x: graph.op("Tanh", log_one_plus_exp(graph, x))),
    nn.Hardtanh: lambda graph, module, x, example: clip(graph, x, module.min_val, module.max_val),
    nn.ReLU6: lambda graph, module, x, example: clip(graph, x, 0, 6),
    nn.LeakyReLU: lambda graph, module, x, example: leaky(graph, x, graph.number(module.negative_slope)),
    nn.RReLU: lambda graph, module, x, example: leaky(
        graph, x, graph.number((module.lower + module.upper) / 2)
    ),
    nn.PReLU: prelu,
    nn.Threshold: threshold,
    nn.LogSigmoid: log_sigmoid,
    nn.Hardsigmoid: lambda graph, module, x, example: hard_gate(graph, x),
    nn.Hardswish: gated(hard_gate),
    nn.SiLU: gated(lambda graph, x: graph.op("Sigmoid", x)),
    nn.GELU: lambda graph, module, x, example: graph.op(
        "Mul", x, (tanh_gate if module.approximate == "tanh" else normal_gate)(graph, x)
    ),
    nn.Tanhshrink: lambda graph, module, x, example: graph.op("Sub", x, graph.op("Tanh", x)),
    nn.Softshrink: lambda graph, module, x, example: graph.op(
        "Sub", x, clip(graph, x, -module.lambd, module.lambd)
    ),
    nn.Hardshrink: hardshrink,
    nn.ELU: lambda graph, module, x, example: exponential(graph, x, module.alpha, 1),
    nn.CELU: lambda graph, module, x, example: exponential(graph, x, module.alpha, module.alpha),
    nn.SELU: selu,
    nn.Softplus: softplus,
    nn.GLU: glu,
    nn.Softmax: softmax,
    nn.Softmin: softmax,
    nn.Softmax2d: softmax,
    nn.LogSoftmax: softmax,
}

of_one_input(TABLE)
