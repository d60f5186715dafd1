"""Operators, functions and methods of tensors, as nodes of a graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.interop.tracing.builder import Attribute, Builder, DeviceOf, Name, constant
from plaingrad.module import Module

Handler = Callable[..., Any]

OPERATIONS: dict[str, Handler] = {}
"""By the name of a function of torch, of a method of its tensors, or of an operator: takes the builder and
the arguments of the call, adds nodes, and returns the name of the result."""


def operation(*names: str) -> Callable[[Handler], Handler]:
    """Register a handler for these names."""

    def register(handler: Handler) -> Handler:
        OPERATIONS.update(dict.fromkeys(names, handler))
        return handler

    return register


def unary(module: Callable[[], Module], *names: str) -> None:
    OPERATIONS.update(dict.fromkeys(names, lambda build, input: build.add(module(), input)))


unary(nn.Negative, "neg", "negative")
unary(nn.Abs, "abs", "absolute")
unary(nn.Exp, "exp")
unary(nn.Log, "log")
unary(nn.Log1p, "log1p")
unary(nn.Sqrt, "sqrt")
unary(nn.Identity, "contiguous", "clone", "pos", "positive")
unary(lambda: nn.Transpose(0, 1), "t", "T")
unary(lambda: nn.Transpose(-2, -1), "mT")
unary(nn.Size, "shape")


def binary(module: Callable[[], Module], *names: str) -> None:
    OPERATIONS.update(dict.fromkeys(names, lambda build, input, other: build.add(module(), input, other)))


binary(nn.Power, "pow")
binary(nn.MatMul, "matmul", "bmm", "mm", "imatmul")
binary(lambda: nn.Divide("floor"), "floordiv", "floor_divide")
for sign, name in [("==", "eq"), ("!=", "ne"), ("<", "lt"), ("<=", "le"), (">", "gt"), (">=", "ge")]:
    binary(lambda sign=sign: nn.Compare(sign), name)  # type: ignore[misc]


@operation("add", "iadd")
def add(build: Builder, input: Any, other: Any, *, alpha: float = 1) -> Name:
    return build.add(nn.Add(), input, other if alpha == 1 else build.add(nn.Multiply(), other, alpha))


@operation("sub", "isub", "subtract")
def subtract(build: Builder, input: Any, other: Any, *, alpha: float = 1) -> Name:
    return build.add(nn.Subtract(), input, other if alpha == 1 else build.add(nn.Multiply(), other, alpha))


@operation("mul", "imul", "multiply")
def multiply(build: Builder, input: Any, other: Any) -> Name:
    return build.add(nn.Multiply(), input, other)


@operation("div", "truediv", "itruediv", "divide", "true_divide")
def divide(build: Builder, input: Any, other: Any, *, rounding_mode: str | None = None) -> Name:
    return build.add(nn.Divide(rounding_mode), input, other)


@operation("square")
def square(build: Builder, input: Any) -> Name:
    return build.add(nn.Power(), input, 2)


@operation("rsqrt")
def rsqrt(build: Builder, input: Any) -> Name:
    return build.add(nn.Power(), input, -0.5)


@operation("math.sqrt")
def root_of_number(build: Builder, input: Any) -> Name:
    return build.add(nn.Power(), input, 0.5)


@operation("reciprocal")
def reciprocal(build: Builder, input: Any) -> Name:
    return build.add(nn.Divide(), 1.0, input)


@operation("clamp", "clip")
def clamp(build: Builder, input: Any, min: Any = None, max: Any = None) -> Name:
    return build.add(nn.Clamp(constant(min, "min"), constant(max, "max")), input)


@operation("addmm", "baddbmm")
def addmm(build: Builder, input: Any, mat1: Any, mat2: Any, *, beta: float = 1, alpha: float = 1) -> Name:
    product = build.add(nn.MatMul(), mat1, mat2)
    product = product if alpha == 1 else build.add(nn.Multiply(), product, alpha)
    return build.add(nn.Add(), input if beta == 1 else build.add(nn.Multiply(), input, beta), product)


@operation("masked_fill")
def masked_fill(build: Builder, input: Any, mask: Any, value: Any) -> Name:
    return build.add(nn.MaskedFill(constant(value, "value")), input, mask)


@operation("where")
def where(build: Builder, condition: Any, input: Any, other: Any) -> Name:
    return build.add(nn.Where(), condition, input, other)


@operation("einsum")
def einsum(build: Builder, equation: str, *operands: Any) -> Name:
    operands = (
        tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    )
    return build.add(nn.Einsum(equation), *operands)


# Along axes


def reduction(make: Callable[..., Module], *names: str) -> None:
    def handler(build: Builder, input: Any, dim: Any = None, keepdim: bool = False) -> Name:
        return build.add(make(axes(dim), keepdim=keepdim), input)

    OPERATIONS.update(dict.fromkeys(names, handler))


def axes(dim: Any) -> Any:
    dim = constant(dim, "dim")
    return tuple(dim) if isinstance(dim, (list, torch.Size)) else dim


reduction(nn.Sum, "sum")
reduction(nn.Mean, "mean")
reduction(nn.Amax, "amax")


@operation("amin")
def amin(build: Builder, input: Any, dim: Any = None, keepdim: bool = False) -> Name:
    greatest = build.add(nn.Amax(axes(dim), keepdim=keepdim), build.add(nn.Negative(), input))
    return build.add(nn.Negative(), greatest)


@operation("max")
def greatest(
    build: Builder, input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None
) -> Name:
    other = dim if isinstance(dim, (Name, Attribute)) else other
    if other is not None:
        return maximum(build, input, other)
    return build.add(nn.Amax() if dim is None else nn.Max(dim, keepdim), input)


@operation("min")
def least(build: Builder, input: Any, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
    other = dim if isinstance(dim, (Name, Attribute)) else other
    if other is not None:
        return minimum(build, input, other)
    if dim is None:
        return amin(build, input)
    both = build.add(nn.Max(dim, keepdim), build.add(nn.Negative(), input))
    return build.add(nn.Negative(), build.add(nn.Select(), both, 0)), build.add(nn.Select(), both, 1)


@operation("maximum")
def maximum(build: Builder, input: Any, other: Any) -> Name:
    return _chosen(build, ">", input, other)


@operation("minimum")
def minimum(build: Builder, input: Any, other: Any) -> Name:
    return _chosen(build, "<", input, other)


def _chosen(build: Builder, comparison: str, input: Any, other: Any) -> Name:
    """The operand that compares so with the other; of equals, which share the gradient, and NaN the mean."""
    halves = (build.add(nn.Multiply(), each, 0.5) for each in (input, other))
    rest = build.add(
        nn.Where(), build.add(nn.Compare(comparison), other, input), other, build.add(nn.Add(), *halves)
    )
    return build.add(nn.Where(), build.add(nn.Compare(comparison), input, other), input, rest)


@operation("var")
def var(
    build: Builder,
    input: Any,
    dim: Any = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: int = 1,
) -> Name:
    if isinstance(dim, bool):  # var(input, unbiased)
        dim, unbiased = None, dim
    correction = correction if unbiased is None else int(unbiased)
    return build.add(nn.Var(axes(dim), correction=correction, keepdim=keepdim), input)


@operation("std")
def std(build: Builder, *args: Any, **keywords: Any) -> Name:
    return build.add(nn.Sqrt(), var(build, *args, **keywords))


@operation("norm", "vector_norm", "linalg_vector_norm")
def norm(build: Builder, input: Any, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Name:
    return build.add(nn.Norm(2 if p in (None, "fro") else p, axes(dim), keepdim), input)


# Shapes


def sizes_of(sizes: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(sizes[0]) if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes


def fixed(sizes: tuple[Any, ...]) -> bool:
    return all(isinstance(size, int) for size in sizes)


@operation("view", "reshape")
def reshape(build: Builder, input: Any, *sizes: Any, shape: Any = None) -> Name:
    sizes = sizes_of(sizes if shape is None else (shape,))
    return build.add(nn.Reshape(sizes), input) if fixed(sizes) else build.add(nn.Reshape(), input, *sizes)


@operation("expand")
def expand(build: Builder, input: Any, *sizes: Any) -> Name:
    sizes = sizes_of(sizes)
    return build.add(nn.Expand(sizes), input) if fixed(sizes) else build.add(nn.Expand(), input, *sizes)


@operation("flatten")
def flatten(build: Builder, input: Any, start_dim: int = 0, end_dim: int = -1) -> Name:
    return build.add(nn.Flatten(start_dim, end_dim), input)


@operation("permute")
def permute(build: Builder, input: Any, *dims: Any) -> Name:
    return build.add(nn.Permute(sizes_of(dims)), input)


@operation("transpose", "swapaxes", "swapdims")
def transpose(build: Builder, input: Any, dim0: int, dim1: int) -> Name:
    return build.add(nn.Transpose(dim0, dim1), input)


@operation("squeeze")
def squeeze(build: Builder, input: Any, dim: Any = None) -> Name:
    return build.add(nn.Squeeze(axes(dim)), input)


@operation("unsqueeze")
def unsqueeze(build: Builder, input: Any, dim: int) -> Name:
    return build.add(nn.Unsqueeze(dim), input)


@operation("cat", "concat", "concatenate")
def cat(build: Builder, tensors: Any, dim: int = 0) -> Name:
    return build.add(nn.Concatenate(dim), *tensors)


@operation("stack")
def stack(build: Builder, tensors: Any, dim: int = 0) -> Name:
    return build.add(nn.Stack(dim), *tensors)


@operation("chunk")
def chunk(build: Builder, input: Any, chunks: int, dim: int = 0) -> Name:
    return build.add(nn.Chunk(constant(chunks, "chunks"), dim), input)


@operation("split")
def split(build: Builder, tensor: Any, split_size_or_sections: Any, dim: int = 0) -> Name:
    size = constant(split_size_or_sections, "split_size")
    return build.add(nn.Split(size if isinstance(size, int) else list(size), dim), tensor)


@operation("getitem")
def getitem(build: Builder, input: Any, index: Any) -> Any:
    if isinstance(input, tuple):  # of an operation that is several nodes here
        return input[constant(index, "index")]
    return build.add(nn.Select(), input, index)


@operation("values")
def values(build: Builder, input: Any) -> Any:
    return getitem(build, input, 0)


@operation("indices")
def indices(build: Builder, input: Any) -> Any:
    return getitem(build, input, 1)


@operation("unflatten")
def unflatten(build: Builder, input: Any, dim: int, sizes: Any) -> Name:
    return build.add(nn.Unflatten(dim, constant(sizes, "sizes")), input)


@operation("size")
def size(build: Builder, input: Any, dim: int | None = None) -> Name:
    return build.add(nn.Size(dim), input)


@operation("device")
def device(build: Builder, input: Any) -> DeviceOf:
    return DeviceOf(input)


@operation("arange")
def arange(
    build: Builder,
    *bounds: Any,
    dtype: torch.dtype | None = None,
    device: DeviceOf | torch.device | None = None,
) -> Name:
    if dtype not in (None, torch.int64):
        raise InputError(f"expected positions of torch.int64, got dtype {dtype}")
    beside = device.name if isinstance(device, DeviceOf) else Name(build.inputs[0])
    return build.add(nn.Arange(), beside, *bounds)
