"""The ONNX operators of pooling."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from plaingrad import nn
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, operators
from plaingrad.interop.onnx.resampling import along_axes
from plaingrad.interop.onnx.shape import expect_batch, expect_one_output
from plaingrad.nn.pooling.average import AdaptiveAvgPool, AvgPool, LPPool, Means, averages
from plaingrad.nn.pooling.maximum import AdaptiveMaxPool, MaxPool
from plaingrad.nn.pooling.reach import Reach


@operators(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
def max_pool(graph: Graph, module: MaxPool, y: Pair, x: Value) -> str:
    """Pad first by the rows that ``ceil_mode`` covers beyond the edge; programs differ in its meaning."""
    expect_one_output(module)
    expect_batch(module, x.two)
    extent = [d * (k - 1) + 1 for k, d in zip(module.kernel_size, module.dilation)]
    ends = beyond(x, y.two.shape[2:], extent, module.stride, module.padding)
    name, pads = x.name, [*module.padding, *module.padding]
    if any(end > padding for end, padding in zip(ends, module.padding)):
        margins = graph.integers([0, 0, *module.padding, 0, 0, *[max(end, 0) for end in ends]])
        name, pads = graph.op("Pad", name, margins, graph.number(-math.inf)), [0] * len(pads)
    return graph.op(
        "MaxPool",
        name,
        pads=pads,
        kernel_shape=module.kernel_size,
        strides=module.stride,
        dilations=module.dilation,
    )


def beyond(
    x: Value, counts: Sequence[int], extent: Sequence[int], stride: Sequence[int], padding: Sequence[int]
) -> list[int]:
    """The number of elements of the last window behind the last edge; negative if it ends before it."""
    numbers = zip(x.two.shape[2:], counts, extent, stride, padding)
    return [(count - 1) * step + size - before - n for n, count, size, step, before in numbers]


@operators(nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
def avg_pool(graph: Graph, module: AvgPool, y: Pair, x: Value) -> str:
    expect_batch(module, x.two)
    return window_means(
        graph, x, x.name, module.kernel_size, module.stride, module.padding, module.means(x.two)
    )


def window_means(
    graph: Graph,
    x: Value,
    name: str,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    means: Means,
    factor: float = 1.0,
) -> str:
    """The sums of windows by their divisors: means of as many numbers as the kernel has, times a factor.

    Args:
        graph: the graph.
        x: the input, whose size counts.
        name: what is summed.
        kernel: the window's size.
        stride: steps from one window to the next.
        padding: zeros before.
        means: the windows and divisors.
        factor: of all means.
    """
    ends = beyond(x, [len(reach.starts) for reach, _ in means], kernel, stride, padding)
    pads = [*padding, *(max(end, 0) for end in ends)]
    name = graph.op("AveragePool", name, kernel_shape=kernel, strides=stride, pads=pads, count_include_pad=1)
    factors = torch.tensor(factor, dtype=torch.float64)
    for size, (_, divisors) in zip(kernel, means):
        factors = factors.unsqueeze(-1) * (size / torch.tensor(divisors, dtype=torch.float64))
    if bool((factors == 1).all()):
        return name
    if bool((factors == factors.flatten()[0]).all()):
        return graph.op("Mul", name, graph.number(float(factors.flatten()[0])))
    return graph.op("Mul", name, graph.tensor(factors))


@operators(nn.LPPool1d, nn.LPPool2d, nn.LPPool3d)
def lp_pool(graph: Graph, module: LPPool, y: Pair, x: Value) -> str:
    """The mean of the powers, times the size of a whole window, to the inverse power."""
    expect_batch(module, x.two)
    numbers = zip(x.two.shape[2:], module.kernel_size, module.stride)
    reaches = [Reach.sliding(*each, ceil_mode=module.ceil_mode) for each in numbers]
    means = [(reach, reach.lengths) for reach in reaches]
    powers = graph.op("Pow", x.name, graph.number(module.norm_type))
    kernel, padding = module.kernel_size, [0] * len(module.axes)
    total = window_means(graph, x, powers, kernel, module.stride, padding, means, math.prod(kernel))
    return graph.op("Pow", total, graph.number(1 / module.norm_type))


@operators(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)
def adaptive_avg_pool(graph: Graph, module: AdaptiveAvgPool, y: Pair, x: Value) -> str:
    """Windows that are all alike, or a product with the matrix of the means along each axis."""
    expect_batch(module, x.two)
    means = module.means(x.two)
    if all(count == 1 for count in y.two.shape[2:]):
        return graph.op("GlobalAveragePool", x.name)
    steps = [step(reach) for reach, _ in means]
    if all(steps):
        kernel = [reach.lengths[0] for reach, _ in means]
        return graph.op("AveragePool", x.name, kernel_shape=kernel, strides=steps)
    matrices = [
        averages(torch.eye(size, dtype=torch.float64), [each]) for size, each in zip(x.two.shape[2:], means)
    ]
    return along_axes(graph, x.name, matrices)


@operators(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)
def adaptive_max_pool(graph: Graph, module: AdaptiveMaxPool, y: Pair, x: Value) -> str:
    """Windows that are all alike, or the largest of their first elements, their second ones and so on."""
    expect_one_output(module)
    expect_batch(module, x.two)
    reaches = module.reaches(x.two)
    steps = [step(reach) for reach in reaches]
    if all(steps):
        return graph.op("MaxPool", x.name, kernel_shape=[r.lengths[0] for r in reaches], strides=steps)
    name = x.name
    for axis, reach in enumerate(reaches, 2):
        each = [
            [start + min(p, length - 1) for start, length in zip(reach.starts, reach.lengths)]
            for p in range(max(reach.lengths))
        ]
        name = graph.op("Max", *(graph.op("Gather", name, graph.integers(k), axis=axis) for k in each))
    return name


def step(reach: Reach) -> int:
    """The step between windows that are all alike; 0 if they are not."""
    steps = {after - before for before, after in zip(reach.starts, reach.starts[1:])} or {1}
    return max(0, *steps) if len(steps) == 1 == len(set(reach.lengths)) else 0
