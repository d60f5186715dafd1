"""The ONNX operators of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.interop.onnx.activations import Operators
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.padding import PAD_MODES
from plaingrad.interop.onnx.registry import of_one_input
from plaingrad.interop.onnx.shape import expect_batch
from plaingrad.module import Module, ModuleError
from plaingrad.nn.convolution.conv import Convolution
from plaingrad.nn.convolution.transposed import TransposedConvolution
from plaingrad.nn.normalization.channels import ChannelNorm
from plaingrad.nn.normalization.instance import InstanceNorm

INT64 = 7  # among ONNX' types


# What changes nothing in evaluation.
WITHOUT_EFFECT: tuple[type[Module], ...] = (
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.AlphaDropout, nn.FeatureAlphaDropout),
)


def unchanged(graph: Graph, module: Any, x: str, example: Tensor) -> str:
    return x


def linear(graph: Graph, module: nn.Linear, x: str, example: Tensor) -> str:
    weight = graph.field(module.weight)
    bias = [] if module.bias is None else [graph.field(module.bias)]
    if example.ndim == 2:
        return graph.op("Gemm", x, weight, *bias, transB=1)
    y = graph.op("MatMul", x, graph.op("Transpose", weight, perm=[1, 0]))
    return graph.op("Add", y, *bias) if bias else y


def flatten(graph: Graph, module: nn.Flatten, x: str, example: Tensor) -> str:
    """The sizes before, -1 for all that are joined, and the sizes behind."""
    start, end = (dim % example.ndim for dim in (module.start_dim, module.end_dim))
    if (start, end) == (1, example.ndim - 1):
        return graph.op("Flatten", x, axis=1)
    parts = [graph.integers([-1])]
    if start > 0:
        parts.insert(0, graph.op("Shape", x, start=0, end=start))
    if end < example.ndim - 1:
        parts.append(graph.op("Shape", x, start=end + 1))
    return graph.op("Reshape", x, graph.op("Concat", *parts, axis=0))


def unflatten(graph: Graph, module: nn.Unflatten, x: str, example: Tensor) -> str:
    if module.dim % example.ndim == 0:
        return graph.op("Reshape", x, graph.integers([*module.unflattened_size, *example.shape[1:]]))
    return reshaped(graph, x, module.forward(example))


def reshaped(graph: Graph, x: str, example: Tensor) -> str:
    """The shape of the example, with a batch of any size."""
    return graph.op("Reshape", x, graph.integers([-1, *example.shape[1:]]))


def embedding(graph: Graph, module: nn.Embedding, x: str, example: Tensor) -> str:
    """The table after the renormalization that a look-up of every row would do."""
    if module.max_norm is not None:
        module.forward(torch.arange(module.num_embeddings))
    return graph.op("Gather", graph.field(module.weight), x, axis=0)


def embedding_bag(graph: Graph, module: nn.EmbeddingBag, x: str, example: Tensor) -> str:
    """The vectors of a bag of a fixed size, those of the padding replaced by what does not count."""
    if example.ndim != 2:
        raise ModuleError(module, f"expected samples (size,) of indices, got {tuple(example.shape[1:])}")
    if module.max_norm is not None:
        module.look_up(torch.arange(module.num_embeddings))
    vectors = graph.op("Gather", graph.field(module.weight), x, axis=0)
    axis, operator = graph.integers([1]), {"sum": "ReduceSum", "mean": "ReduceMean", "max": "ReduceMax"}
    if module.padding_idx is None:
        return graph.op(operator[module.mode], vectors, axis, keepdims=0)
    is_padding = graph.op(
        "Unsqueeze", graph.op("Equal", x, graph.integers([module.padding_idx])), graph.integers([2])
    )
    counts = graph.op("Where", is_padding, graph.number(0.0), graph.number(1.0))
    count = graph.op("ReduceSum", counts, axis, keepdims=0)
    if module.mode == "max":
        kept = graph.op("Where", is_padding, graph.number(-math.inf), vectors)
        is_empty = graph.op("Equal", count, graph.number(0.0))
        return graph.op("Where", is_empty, graph.number(0.0), graph.op("ReduceMax", kept, axis, keepdims=0))
    kept = graph.op("Where", is_padding, graph.number(0.0), vectors)
    y = graph.op("ReduceSum", kept, axis, keepdims=0)
    return y if module.mode == "sum" else graph.op("Div", y, graph.op("Max", count, graph.number(1.0)))


def column_embedding(graph: Graph, module: nn.ColumnEmbedding, x: str, example: Tensor) -> str:
    parts = [graph.op("Gather", x, graph.integers(module.passed), axis=-1)] if module.passed else []
    for column, table in module.columns.items():
        codes = graph.op(
            "Squeeze", graph.op("Gather", x, graph.integers([column]), axis=-1), graph.integers([-1])
        )
        parts.append(graph.op("Gather", graph.field(table.weight), graph.op("Cast", codes, to=INT64), axis=0))
    return graph.op("Concat", *parts, axis=-1)


def batch_norm(graph: Graph, module: ChannelNorm, x: str, example: Tensor) -> str:
    if module.running_mean is not None and module.running_var is not None:
        ones, zeros = torch.ones(module.num_features), torch.zeros(module.num_features)
        weight = graph.tensor(ones) if module.weight is None else graph.field(module.weight)
        bias = graph.tensor(zeros) if module.bias is None else graph.field(module.bias)
        statistics = [graph.field(module.running_mean), graph.field(module.running_var)]
        return graph.op("BatchNormalization", x, weight, bias, *statistics, epsilon=module.eps)
    return scaled(graph, module, normalised(graph, module.eps, x, [0, *range(2, example.ndim)]), example)


def normalised(graph: Graph, eps: float, x: str, axes: Sequence[int]) -> str:
    """A mean of 0 and a variance of 1 over the axes."""
    centred = graph.op("Sub", x, graph.op("ReduceMean", x, graph.integers(axes)))
    variance = graph.op("ReduceMean", graph.op("Mul", centred, centred), graph.integers(axes))
    return graph.op("Div", centred, graph.op("Sqrt", graph.op("Add", variance, graph.number(eps))))


def scaled(graph: Graph, module: ChannelNorm | nn.GroupNorm, x: str, example: Tensor) -> str:
    """A scale and a shift for each channel, if there are such."""
    for operator, parameter in (("Mul", module.weight), ("Add", module.bias)):
        if parameter is not None:
            each = graph.field(parameter)
            if behind := [*range(1, example.ndim - 1)]:
                each = graph.op("Unsqueeze", each, graph.integers(behind))
            x = graph.op(operator, x, each)
    return x


def layer_norm(graph: Graph, module: nn.LayerNorm, x: str, example: Tensor) -> str:
    scale = torch.ones(module.normalized_shape)
    weight = graph.tensor(scale) if module.weight is None else graph.field(module.weight)
    bias = [] if module.bias is None else [graph.field(module.bias)]
    axis = -len(module.normalized_shape)
    return graph.op("LayerNormalization", x, weight, *bias, axis=axis, epsilon=module.eps)


def instance_norm(graph: Graph, module: InstanceNorm, x: str, example: Tensor) -> str:
    if example.ndim != module.ranks[1]:
        raise ModuleError(module, f"expected samples with channels, got {tuple(example.shape[1:])}")
    if module.running_mean is not None:
        return batch_norm(graph, module, x, example)
    normal = normalised(graph, module.eps, x, range(2, example.ndim))
    return scaled(graph, module, normal, example)


def group_norm(graph: Graph, module: nn.GroupNorm, x: str, example: Tensor) -> str:
    """The normalisation of each group, then a scale and a shift for each channel."""
    groups = graph.op("Reshape", x, graph.integers([0, module.num_groups, -1]))
    normal = normalised(graph, module.eps, groups, [2])
    y = graph.op("Reshape", normal, graph.integers([-1, *example.shape[1:]]))
    return scaled(graph, module, y, example)


def rms_norm(graph: Graph, module: nn.RMSNorm, x: str, example: Tensor) -> str:
    eps = torch.finfo(example.dtype).eps if module.eps is None else module.eps
    mean = graph.op("ReduceMean", graph.op("Mul", x, x), graph.integers(module.axes))
    y = graph.op("Div", x, graph.op("Sqrt", graph.op("Add", mean, graph.number(eps))))
    return y if module.weight is None else graph.op("Mul", y, graph.field(module.weight))


def response_norm(graph: Graph, module: nn.LocalResponseNorm, x: str, example: Tensor) -> str:
    """The sums over neighbours as a product with a matrix of zeros and ones."""
    squares = graph.op("Reshape", graph.op("Mul", x, x), graph.integers([0, example.shape[1], -1]))
    share = module.alpha / module.size * module.gathered(torch.eye(example.shape[1])).T
    sums = graph.op("MatMul", graph.tensor(share.contiguous()), squares)
    s = graph.op(
        "Add", graph.op("Reshape", sums, graph.integers([-1, *example.shape[1:]])), graph.number(module.k)
    )
    return graph.op("Div", x, graph.op("Pow", s, graph.number(module.beta)))


def conv(graph: Graph, module: Convolution, x: str, example: Tensor) -> str:
    expect_batch(module, example)
    axes = len(module.axes)
    pads = [0] * (2 * axes)  # before along each axis, then after
    for margin in module.margins:
        pads[margin.axis + axes], pads[margin.axis + 2 * axes] = margin.before, margin.after
    if module.padding_mode != "zeros" and any(pads):
        margins = graph.integers([0, 0, *pads[:axes], 0, 0, *pads[axes:]])
        x, pads = graph.op("Pad", x, margins, mode=PAD_MODES[module.padding_mode]), [0] * (2 * axes)
    bias = [] if module.bias is None else [graph.field(module.bias)]
    return graph.op(
        "Conv",
        x,
        graph.field(module.weight),
        *bias,
        pads=pads,
        kernel_shape=module.kernel_size,
        strides=module.stride,
        dilations=module.dilation,
        group=module.groups,
    )


def conv_transpose(graph: Graph, module: TransposedConvolution, x: str, example: Tensor) -> str:
    expect_batch(module, example)
    bias = [] if module.bias is None else [graph.field(module.bias)]
    return graph.op(
        "ConvTranspose",
        x,
        graph.field(module.weight),
        *bias,
        pads=[*module.padding, *module.padding],
        kernel_shape=module.kernel_size,
        strides=module.stride,
        dilations=module.dilation,
        output_padding=module.output_padding,
        group=module.groups,
    )


TABLE: dict[type, Operators] = {
    **dict.fromkeys(WITHOUT_EFFECT, unchanged),
    nn.Linear: linear,
    nn.Flatten: flatten,
    nn.Unflatten: unflatten,
    nn.Embedding: embedding,
    nn.EmbeddingBag: embedding_bag,
    nn.ColumnEmbedding: column_embedding,
    nn.BatchNorm1d: batch_norm,
    nn.BatchNorm2d: batch_norm,
    nn.BatchNorm3d: batch_norm,
    nn.SyncBatchNorm: batch_norm,
    nn.InstanceNorm1d: instance_norm,
    nn.InstanceNorm2d: instance_norm,
    nn.InstanceNorm3d: instance_norm,
    nn.GroupNorm: group_norm,
    nn.RMSNorm: rms_norm,
    nn.LocalResponseNorm: response_norm,
    nn.CrossMapLRN2d: response_norm,
    nn.LayerNorm: layer_norm,
    nn.Conv1d: conv,
    nn.Conv2d: conv,
    nn.Conv3d: conv,
    nn.ConvTranspose1d: conv_transpose,
    nn.ConvTranspose2d: conv_transpose,
    nn.ConvTranspose3d: conv_transpose,
}

of_one_input(TABLE)
