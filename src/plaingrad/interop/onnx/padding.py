"""The ONNX operators of padding."""

from __future__ import annotations

from typing import Any

import torch

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators
from plaingrad.nn.padding.padding import ConstantPadding, Padding, ZeroPadding

# ONNX' names of the padding modes.
PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
CLASSES = [
    getattr(nn, f"{kind}Pad{axes}d")
    for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero")
    for axes in (1, 2, 3)
]


@operators(*CLASSES)
def pad(graph: Graph, module: Padding, y: Pair, x: Value) -> str:
    """The operator; where elements are cut off too, the position of each one that is left along each axis."""
    axes = len(module.axes)
    before, after = module.padding[::2][::-1], module.padding[1::2][::-1]  # the first axis first
    outside = [0] * (x.two.ndim - axes)
    margins = graph.integers([*outside, *before, *outside, *after])
    if isinstance(module, (ConstantPadding, ZeroPadding)):
        return graph.op("Pad", x.name, margins, graph.constant(torch.tensor(module.value, dtype=x.dtype)))
    if min(module.padding) >= 0:
        return graph.op("Pad", x.name, margins, mode=PAD_MODES[module.mode])
    name = x.name
    for axis, positions in enumerate(kept(module, x), x.two.ndim - axes):
        name = graph.op("Gather", name, graph.integers(positions), axis=axis)
    return name


def kept(module: Padding, x: Value) -> list[list[int]]:
    """Along each padded axis, the position that each element of the output is copied from."""
    axes = len(module.axes)
    positions: list[list[int]] = []
    for axis in range(axes):
        shape: list[Any] = [1] * axes
        shape[axis] = size = x.two.shape[x.two.ndim - axes + axis]
        along = torch.arange(size).view(1, *shape).expand(1, *x.two.shape[x.two.ndim - axes :])
        copied = module.forward(along).movedim(axis + 1, -1).flatten(0, -2)
        positions.append(copied[0].tolist())
    return positions
