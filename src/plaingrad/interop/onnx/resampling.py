"""The ONNX operators that resample images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators
from plaingrad.interop.onnx.shape import swapped
from plaingrad.nn.resampling.taps import Taps
from plaingrad.nn.resampling.upsample import along

MODES = {"bilinear": "linear", "trilinear": "linear", "bicubic": "cubic"}
NEAREST: dict[str, dict[str, Any]] = {
    "nearest": {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"},
    "nearest-exact": {"coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"},
}


@operators(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
def upsample(graph: Graph, module: nn.Upsample, y: Pair, x: Value) -> str:
    """The operator where its positions are the same; else an index or a matrix along each axis."""
    sizes, counts = x.two.shape[2:], y.two.shape[2:]
    if graph.dtype == np.float32 and has_operator(module, sizes, counts):
        options = NEAREST.get(module.mode) or {
            "coordinate_transformation_mode": "align_corners" if module.align_corners else "half_pixel",
            "cubic_coeff_a": -0.75,
        }
        axes = [*range(2, y.two.ndim)]
        mode = MODES.get(module.mode, "nearest")
        return graph.op("Resize", x.name, "", "", graph.integers(counts), axes=axes, mode=mode, **options)
    maps = module.maps(x.two.double())
    if all(isinstance(each, Taps) and each.weights == [None] for each in maps):
        name = x.name
        for axis, each in enumerate(maps, 2):
            name = graph.op("Gather", name, graph.integers(each.indices[0].tolist()), axis=axis)  # type: ignore[union-attr]
        return name
    matrices = [each.forward(torch.eye(n, dtype=torch.float64), 1) for n, each in zip(sizes, maps)]
    return along_axes(graph, x.name, matrices)


def has_operator(module: nn.Upsample, sizes: Sequence[int], counts: Sequence[int]) -> bool:
    """True if ONNX' operator takes the same positions, and its rounding cannot choose another neighbour."""
    if module.mode in NEAREST:
        return all(count % size == 0 for size, count in zip(sizes, counts)) and factors_fit(
            module, sizes, counts
        )
    return module.mode in MODES and factors_fit(module, sizes, counts)


def factors_fit(module: nn.Upsample, sizes: Sequence[int], counts: Sequence[int]) -> bool:
    """True if the step between positions is the quotient of the sizes."""
    if module.size is not None or module.recompute_scale_factor or module.align_corners:
        return True
    factors = along(module.scale_factor, len(sizes))
    return all(f is None or f == count / size for f, size, count in zip(factors, sizes, counts))


def along_axes(graph: Graph, x: str, matrices: list[Tensor]) -> str:
    """A matrix (old size, new size) along each of the axes behind the channels."""
    axes = len(matrices) + 2
    for axis, matrix in enumerate(matrices, 2):
        if matrix.shape[0] == matrix.shape[1] and torch.equal(matrix, torch.eye(len(matrix)).to(matrix)):
            continue
        if axis == axes - 1:
            x = graph.op("MatMul", x, graph.tensor(matrix))
        elif axis == axes - 2:
            x = graph.op("MatMul", graph.tensor(matrix.T.contiguous()), x)
        else:
            turned = graph.op("MatMul", swapped(graph, x, axes, axis, axes - 1), graph.tensor(matrix))
            x = swapped(graph, turned, axes, axis, axes - 1)
    return x


@operators(nn.PixelShuffle)
def pixel_shuffle(graph: Graph, module: nn.PixelShuffle, y: Pair, x: Value) -> str:
    r = module.upscale_factor
    squares = graph.op("Reshape", x.name, graph.integers([-1, r, r, *x.two.shape[-2:]]))
    return reshaped(graph, graph.op("Transpose", squares, perm=[0, 3, 1, 4, 2]), y)


@operators(nn.PixelUnshuffle)
def pixel_unshuffle(graph: Graph, module: nn.PixelUnshuffle, y: Pair, x: Value) -> str:
    r, (rows, columns) = module.downscale_factor, x.two.shape[-2:]
    squares = graph.op("Reshape", x.name, graph.integers([-1, rows // r, r, columns // r, r]))
    return reshaped(graph, graph.op("Transpose", squares, perm=[0, 2, 4, 1, 3]), y)


@operators(nn.ChannelShuffle)
def channel_shuffle(graph: Graph, module: nn.ChannelShuffle, y: Pair, x: Value) -> str:
    channels, *rest = x.two.shape[1:]
    sizes = [-1, module.groups, channels // module.groups, math.prod(rest)]
    groups = graph.op("Reshape", x.name, graph.integers(sizes))
    return reshaped(graph, graph.op("Transpose", groups, perm=[0, 2, 1, 3]), y)


def reshaped(graph: Graph, x: str, y: Pair) -> str:
    """The shape of the output, with a batch of any size."""
    return graph.op("Reshape", x, graph.integers([-1, *y.two.shape[1:]]))
