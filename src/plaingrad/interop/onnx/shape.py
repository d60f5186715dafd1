"""The ONNX operators that change shapes, join, divide and select."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators, sizes_of
from plaingrad.module import Module, ModuleError

LAST = 2**63 - 1  # behind every element


@operators(nn.Reshape)
def reshape(graph: Graph, module: nn.Reshape, y: Pair, x: Value, *sizes: Any) -> str:
    return graph.op("Reshape", x.name, graph.integers(sizes_of(module, y)))


@operators(nn.Expand)
def expand(graph: Graph, module: nn.Expand, y: Pair, x: Value, *sizes: Any) -> str:
    """A size that depends on the batch comes from the input, where 1 keeps it, or is an argument."""
    of_x = [1] * (y.two.ndim - x.two.ndim) + [a if a == b else -1 for a, b in zip(x.two.shape, x.three.shape)]
    parts = []
    for axis, (a, b, own) in enumerate(zip(y.two.shape, y.three.shape, of_x)):
        size = sizes[axis] if axis < len(sizes) else None
        if a == b or own == -1:
            parts.append(graph.integers([1 if own == -1 else a]))
        elif isinstance(size, Value):
            parts.append(graph.op("Reshape", size.name, graph.integers([1])))
        else:
            raise ModuleError(module, f"expected an argument for the size of axis {axis}")
    return graph.op("Expand", x.name, graph.op("Concat", *parts, axis=0) if parts else graph.integers([]))


@operators(nn.Permute)
def permute(graph: Graph, module: nn.Permute, y: Pair, x: Value) -> str:
    return graph.op("Transpose", x.name, perm=[dim % x.two.ndim for dim in module.dims])


@operators(nn.Transpose)
def transpose(graph: Graph, module: nn.Transpose, y: Pair, x: Value) -> str:
    order = torch.arange(x.two.ndim)
    order[[module.dim0, module.dim1]] = order[[module.dim1, module.dim0]]
    return graph.op("Transpose", x.name, perm=order.tolist())


@operators(nn.Squeeze)
def squeeze(graph: Graph, module: nn.Squeeze, y: Pair, x: Value) -> str:
    chosen = range(x.two.ndim) if module.dim is None else [dim % x.two.ndim for dim in module.dim]
    if module.dim is not None and any(x.two.shape[axis] != x.three.shape[axis] for axis in chosen):
        raise ModuleError(
            module, f"expected an axis whose size does not depend on the batch, got {module.dim}"
        )
    axes = [axis for axis in chosen if x.two.shape[axis] == 1]
    return graph.op("Squeeze", x.name, graph.integers(axes)) if axes else x.name


@operators(nn.Unsqueeze)
def unsqueeze(graph: Graph, module: nn.Unsqueeze, y: Pair, x: Value) -> str:
    return graph.op("Unsqueeze", x.name, graph.integers([module.dim]))


@operators(nn.Size)
def size(graph: Graph, module: nn.Size, y: Pair, x: Value) -> Any:
    """The sizes that depend on the batch; the others are constants."""
    if module.dim is not None:
        return size_along(graph, x, module.dim % x.two.ndim)
    return tuple(
        None if a == b else size_along(graph, x, axis) for axis, (a, b) in enumerate(zip(y.two, y.three))
    )


def size_along(graph: Graph, x: Value, axis: int) -> str:
    """The size of an axis, as a single number."""
    shape = graph.op("Shape", x.name, start=axis, end=axis + 1)
    return graph.op("Squeeze", shape, graph.integers([0]))


@operators(nn.Arange)
def arange(graph: Graph, module: nn.Arange, y: Pair, x: Value, *bounds: Any) -> str:
    if y.two.shape == y.three.shape and not any(isinstance(each, Value) for each in bounds):
        return graph.constant(y.two)
    start, end, step = [(0, *bounds, 1), (*bounds, 1), bounds][len(bounds) - 1]
    each = [part.name if isinstance(part, Value) else scalar(graph, part) for part in (start, end, step)]
    return graph.op("Range", *each)


def scalar(graph: Graph, number: int) -> str:
    return graph.constant(torch.tensor(number))


@operators(nn.Concatenate)
def concatenate(graph: Graph, module: nn.Concatenate, y: Pair, *inputs: Value) -> str:
    return graph.op("Concat", *(x.name for x in inputs), axis=module.dim)


@operators(nn.Stack)
def stack(graph: Graph, module: nn.Stack, y: Pair, *inputs: Value) -> str:
    axis = graph.integers([module.dim])
    return graph.op("Concat", *(graph.op("Unsqueeze", x.name, axis) for x in inputs), axis=module.dim)


@operators(nn.Split, nn.Chunk)
def split(graph: Graph, module: nn.Split | nn.Chunk, y: Pair, x: Value) -> list[str]:
    sizes = [part.shape[module.dim] for part in y.two]
    if sizes != [part.shape[module.dim] for part in y.three]:
        raise ModuleError(module, "expected an axis whose size does not depend on the batch")
    if len(sizes) == 1:
        return [graph.op("Identity", x.name)]
    return graph.ops("Split", x.name, graph.integers(sizes), outputs=len(sizes), axis=module.dim)


@operators(nn.Select)
def select(graph: Graph, module: nn.Select, y: Pair, x: Any, index: Any = None) -> Any:
    """Slices, then integers as slices of one element without their axis, then new axes."""
    k = module.index if index is None else index
    if isinstance(x, tuple):
        return x[k]
    if isinstance(k, Tensor) and k.dtype != torch.bool:
        k = Value(graph.integers(k.tolist()), k, k)
    if isinstance(k, Value) and k.dtype in (torch.int64, torch.int32):
        return graph.op("Gather", x.name, k.name, axis=0)
    parts = list(k) if isinstance(k, tuple) else [k]
    if not all(is_simple(part) for part in parts):
        raise ModuleError(module, f"expected an index of integers, slices, '...' and None, got {k}")
    return by_parts(graph, x, parts)


def is_simple(part: Any) -> bool:
    """True for an integer, a slice of constants, ``...`` or None."""
    ends = (part.start, part.stop, part.step) if isinstance(part, slice) else (part,)
    return part is ... or all(each is None or type(each) is int for each in ends)


def by_parts(graph: Graph, x: Value, parts: list[Any]) -> str:
    """A selection by an index of simple parts."""
    used = sum(part is not None and part is not ... for part in parts)
    axis, kept = 0, 0  # the input's axis, and the output's
    slices: list[tuple[int, int, int, int]] = []
    dropped, added = [], []
    for part in parts:
        if part is None:
            added.append(kept)
            kept += 1
        elif part is ...:
            axis, kept = axis + x.two.ndim - used, kept + x.two.ndim - used
        elif isinstance(part, int):
            slices.append((axis, part, LAST if part == -1 else part + 1, 1))
            dropped.append(axis)
            axis += 1
        else:
            if part != slice(None):
                slices.append(
                    (axis, part.start or 0, LAST if part.stop is None else part.stop, part.step or 1)
                )
            axis, kept = axis + 1, kept + 1
    name = x.name
    if slices:
        axes, starts, ends, steps = (graph.integers(each) for each in zip(*slices))
        name = graph.op("Slice", name, starts, ends, axes, steps)
    if dropped:
        name = graph.op("Squeeze", name, graph.integers(dropped))
    return graph.op("Unsqueeze", name, graph.integers(added)) if added else name


def swapped(graph: Graph, x: str, axes: int, a: int, b: int) -> str:
    """Two of so many axes exchanged."""
    order = list(range(axes))
    order[a], order[b] = order[b], order[a]
    return graph.op("Transpose", x, perm=order)


def expect_batch(module: Any, example: Tensor) -> None:
    """Refuse an input without a batch axis."""
    if example.ndim != len(module.axes) + 2:
        size = tuple(example.shape[1:])
        raise ModuleError(module, f"expected samples (channels, {', '.join(module.axes)}), got {size}")


def expect_one_output(module: Module) -> None:
    if getattr(module, "return_indices", False):
        raise ModuleError(module, "expected one output, got return_indices=True")
