"""The ONNX operators of arithmetic, which compute in the type of the result."""

from __future__ import annotations

import functools
import math
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, example, operators
from plaingrad.module import Module, ModuleError

CHAINS: dict[type[Module], str] = {
    nn.Add: "Add",
    nn.Multiply: "Mul",
    nn.Subtract: "Sub",
    nn.Power: "Pow",
    nn.MatMul: "MatMul",
}
FUNCTIONS: dict[type[Module], str] = {
    nn.Negative: "Neg",
    nn.Abs: "Abs",
    nn.Exp: "Exp",
    nn.Log: "Log",
    nn.Sqrt: "Sqrt",
}
COMPARISONS = {
    "==": "Equal",
    "<": "Less",
    "<=": "LessOrEqual",
    ">": "Greater",
    ">=": "GreaterOrEqual",
}


def type_of(number: Any) -> torch.dtype:
    """The type of a result, or of a number."""
    return Value("", number, number).dtype


def as_type(graph: Graph, value: Any, dtype: torch.dtype) -> str:
    """The name of an operand in this type."""
    if not isinstance(value, Value):
        return graph.constant(torch.as_tensor(value, dtype=dtype))
    return value.name if value.dtype == dtype else graph.cast(value.name, dtype)


@operators(*CHAINS)
def chain(graph: Graph, module: Module, y: Pair, *operands: Any) -> str:
    dtype = type_of(y.two)
    first, *others = (as_type(graph, each, dtype) for each in operands)
    return functools.reduce(functools.partial(graph.op, CHAINS[type(module)]), others, first)


@operators(nn.Divide)
def divide(graph: Graph, module: nn.Divide, y: Pair, a: Any, b: Any) -> str:
    """A quotient that is rounded is one of floating-point numbers first."""
    dtype = type_of(y.two)
    inside = dtype if dtype.is_floating_point else torch.float64
    quotient = graph.op("Div", as_type(graph, a, inside), as_type(graph, b, inside))
    if module.rounding_mode == "floor":
        quotient = graph.op("Floor", quotient)
    elif module.rounding_mode == "trunc":
        quotient = graph.op("Mul", graph.op("Sign", quotient), graph.op("Floor", graph.op("Abs", quotient)))
    return quotient if inside == dtype else graph.cast(quotient, dtype)


@operators(*FUNCTIONS)
def function(graph: Graph, module: Module, y: Pair, x: Value) -> str:
    return graph.op(FUNCTIONS[type(module)], x.name)


@operators(nn.Log1p)
def log1p(graph: Graph, module: nn.Log1p, y: Pair, x: Value) -> str:
    """ln(u) x / (u - 1) with u = 1 + x as it is rounded, which is exact near 0; ln(u) beyond 1."""
    one = graph.number(1)
    u = graph.op("Add", x.name, one)
    rest, log = graph.op("Sub", u, one), graph.op("Log", u)
    is_small = graph.op("Equal", rest, graph.number(0))
    ratio = graph.op("Div", x.name, graph.op("Where", is_small, one, rest))
    near = graph.op("Where", is_small, x.name, graph.op("Mul", log, ratio))
    return graph.op("Where", graph.op("Greater", x.name, one), log, near)


@operators(nn.Clamp)
def clamp(graph: Graph, module: nn.Clamp, y: Pair, x: Value) -> str:
    name = x.name
    for operator, limit in (("Max", module.min), ("Min", module.max)):
        if limit is not None:
            name = graph.op(operator, name, graph.number(limit))
    return name


@operators(nn.Einsum)
def einsum(graph: Graph, module: nn.Einsum, y: Pair, *operands: Value) -> str:
    """ONNX expects ``...`` to stand for as many axes everywhere, so axes of size 1 are added there."""
    equation = module.equation.replace(" ", "")
    terms = equation.partition("->")[0].split(",")
    further = [x.two.ndim - len(term.replace("...", "")) for term, x in zip(terms, operands)]
    names = []
    for term, x, count in zip(terms, operands, further):
        first, missing = term.find("..."), max(further) - count
        axes = range(first, first + missing) if first >= 0 else ()
        names.append(graph.op("Unsqueeze", x.name, graph.integers(axes)) if axes else x.name)
    return graph.op("Einsum", *names, equation=equation)


@operators(nn.Compare)
def compare(graph: Graph, module: nn.Compare, y: Pair, a: Any, b: Any) -> str:
    two = example(a, "two"), example(b, "two")
    dtype = torch.result_type(*two) if any(isinstance(each, Tensor) for each in two) else type_of(sum(two))
    left, right = as_type(graph, a, dtype), as_type(graph, b, dtype)
    if module.comparison == "!=":
        return graph.op("Not", graph.op("Equal", left, right))
    return graph.op(COMPARISONS[module.comparison], left, right)


@operators(nn.Where)
def where(graph: Graph, module: nn.Where, y: Pair, mask: Value, a: Any, b: Any) -> str:
    return graph.op("Where", mask.name, *(as_type(graph, each, y.two.dtype) for each in (a, b)))


@operators(nn.MaskedFill)
def masked_fill(graph: Graph, module: nn.MaskedFill, y: Pair, x: Value, mask: Value) -> str:
    return graph.op("Where", mask.name, as_type(graph, module.value, x.dtype), x.name)


# Along axes

REDUCTIONS: dict[type[Module], str] = {nn.Sum: "ReduceSum", nn.Mean: "ReduceMean", nn.Amax: "ReduceMax"}


@operators(*REDUCTIONS)
def reduction(graph: Graph, module: Any, y: Pair, x: Value) -> str:
    return reduced(graph, REDUCTIONS[type(module)], x.name, module.axes(x.two), module.keepdim)


def reduced(graph: Graph, operator: str, x: str, axes: tuple[int, ...], keepdim: bool) -> str:
    """A reduction along axes; without any it leaves each number as it is."""
    return graph.op(operator, x, graph.integers(axes), keepdims=int(keepdim)) if axes else x


@operators(nn.Max)
def maximum(graph: Graph, module: nn.Max, y: Pair, x: Value) -> tuple[str, str]:
    axes, keepdims = module.axes(x.two), int(module.keepdim)
    if not axes:
        raise ModuleError(module, "expected input with an axis")
    index = graph.op("ArgMax", x.name, axis=axes[0], keepdims=keepdims)
    return reduced(graph, "ReduceMax", x.name, axes, module.keepdim), index


@operators(nn.Var)
def variance(graph: Graph, module: nn.Var, y: Pair, x: Value) -> str:
    axes = module.axes(x.two)
    if not axes:
        raise ModuleError(module, "expected input with an axis")
    centred = graph.op("Sub", x.name, reduced(graph, "ReduceMean", x.name, axes, True))
    total = reduced(graph, "ReduceSum", graph.op("Mul", centred, centred), axes, module.keepdim)
    sizes = graph.op("Gather", graph.op("Shape", x.name), graph.integers(axes))
    count = graph.cast(graph.op("ReduceProd", sizes, keepdims=0), x.dtype)
    divisor = graph.op("Max", graph.op("Sub", count, graph.number(module.correction)), graph.number(0))
    mean = graph.op("Div", total, divisor)
    is_none = graph.op("Equal", divisor, graph.number(0))  # whatever the sum: infinity times it
    return graph.op("Where", is_none, graph.op("Mul", total, graph.number(math.inf)), mean)


@operators(nn.Norm)
def norm(graph: Graph, module: nn.Norm, y: Pair, x: Value) -> str:
    return pnorm(graph, x.name, float(module.p), module.axes(x.two), module.keepdim)


def pnorm(graph: Graph, x: str, p: float, axes: tuple[int, ...], keepdim: bool) -> str:
    """The p-norm along axes; without any it is the absolute value."""
    size = graph.op("Abs", x)
    if p in (1, 2) and axes:
        return reduced(graph, f"ReduceL{p:.0f}", x, axes, keepdim)
    if math.isinf(p) or not axes:
        return reduced(graph, "ReduceMax" if p > 0 else "ReduceMin", size, axes, keepdim)
    if p == 0:
        return reduced(graph, "ReduceSum", graph.op("Sign", size), axes, keepdim)
    total = reduced(graph, "ReduceSum", graph.op("Pow", size, graph.number(p)), axes, keepdim)
    return graph.op("Pow", total, graph.number(1 / p))
