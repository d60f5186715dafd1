"""The ONNX operators of attention, and of the layers of transformers."""

from __future__ import annotations

import math
from typing import Any

import torch

from plaingrad import nn
from plaingrad.interop.onnx.containers import plus
from plaingrad.interop.onnx.graph import Graph
from plaingrad.interop.onnx.registry import Pair, Value, composite, emit_child, inside, operators
from plaingrad.nn.attention.block import Block
from plaingrad.parameter import Parameter


@operators(nn.MultiheadAttention)
def attention(
    graph: Graph,
    module: nn.MultiheadAttention,
    y: Pair,
    query: Value,
    key: Value,
    value: Value,
    key_padding_mask: Value | None = None,
    need_weights: bool = True,
    attn_mask: Value | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[str, str | None]:
    """Scores (batch, heads, queries, keys), masks added to them, and the means of values by their softmax."""
    is_single = query.two.ndim == 2
    batch = graph.integers([0 if module.batch_first else 1])
    q, k, v = (
        in_heads(graph, module, part, graph.op("Unsqueeze", x.name, batch) if is_single else x.name)
        for part, x in enumerate((query, key, value))
    )
    k, v = with_more(graph, module, k, module.bias_k), with_more(graph, module, v, module.bias_v)
    scale = graph.number(1 / math.sqrt(module.embed_dim // module.num_heads))
    scores = graph.op("Mul", graph.op("MatMul", q, graph.op("Transpose", k, perm=[0, 1, 3, 2])), scale)
    scores = masked(graph, module, scores, attn_mask, key_padding_mask, is_single)
    weights = graph.op("Softmax", scores, axis=-1)
    if not need_weights and (attn_mask is not None or key_padding_mask is not None):
        largest = graph.op("ReduceMax", scores, graph.integers([-1]))
        sees_none = graph.op("Equal", largest, graph.number(-math.inf))
        weights = graph.op("Where", sees_none, graph.number(0), weights)
    parts = graph.op("MatMul", weights, v)
    order = [0, 2, 1, 3] if module.batch_first else [2, 0, 1, 3]
    joined = graph.op("Reshape", graph.op("Transpose", parts, perm=order), graph.integers([0, 0, -1]))
    output = mapped(graph, joined, module.out_proj.weight, module.out_proj.bias)
    output = graph.op("Squeeze", output, batch) if is_single else output
    if not need_weights:
        return output, None
    if average_attn_weights:
        weights = graph.op("ReduceMean", weights, graph.integers([1]), keepdims=0)
    return output, graph.op("Squeeze", weights, graph.integers([0])) if is_single else weights


def mapped(graph: Graph, x: str, weight: Parameter, bias: Parameter | None) -> str:
    y = graph.op("MatMul", x, graph.op("Transpose", graph.field(weight), perm=[1, 0]))
    return y if bias is None else graph.op("Add", y, graph.field(bias))


def in_heads(graph: Graph, module: nn.MultiheadAttention, part: int, x: str) -> str:
    """Queries (part 0), keys (1) or values (2), as (batch, heads, length, size)."""
    rows = [graph.integers([k * module.embed_dim]) for k in (part, part + 1)]
    if module.in_proj_weight is not None:
        weight = graph.op("Slice", graph.field(module.in_proj_weight), *rows)
    else:
        separate = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)[part]
        assert separate is not None
        weight = graph.field(separate)
    y = graph.op("MatMul", x, graph.op("Transpose", weight, perm=[1, 0]))
    if module.in_proj_bias is not None:
        y = graph.op("Add", y, graph.op("Slice", graph.field(module.in_proj_bias), *rows))
    size = module.embed_dim // module.num_heads
    parts = graph.op("Reshape", y, graph.integers([0, 0, module.num_heads, size]))
    return graph.op("Transpose", parts, perm=[0, 2, 1, 3] if module.batch_first else [1, 2, 0, 3])


def with_more(graph: Graph, module: nn.MultiheadAttention, parts: str, more: Parameter | None) -> str:
    """Keys or values with a learned one, and one of zeros, behind those of each sample."""
    sizes = [module.num_heads, 1, module.embed_dim // module.num_heads]
    each = [] if more is None else [graph.op("Reshape", graph.field(more), graph.integers([1, *sizes]))]
    if module.add_zero_attn:
        each.append(graph.tensor(torch.zeros(1, *sizes)))
    if not each:
        return parts
    batch = graph.op("Shape", parts, start=0, end=1)
    shape = graph.op("Concat", batch, graph.integers(sizes), axis=0)
    return graph.op("Concat", parts, *(graph.op("Expand", one, shape) for one in each), axis=2)


def masked(
    graph: Graph,
    module: nn.MultiheadAttention,
    scores: str,
    attn_mask: Value | None,
    key_padding_mask: Value | None,
    is_single: bool,
) -> str:
    """The scores with masks added, minus infinity where one of truth values hides a key."""
    more = (module.bias_k is not None) + module.add_zero_attn
    for mask, is_padding in ((attn_mask, False), (key_padding_mask, True)):
        if mask is None:
            continue
        name = mask.name
        if mask.dtype == torch.bool:
            name = graph.op("Where", name, graph.number(-math.inf), graph.number(0))
        if is_padding:  # of each sample
            name = graph.op("Unsqueeze", name, graph.integers([0, 1, 2] if is_single else [1, 2]))
        elif mask.two.ndim == 3:  # of each head of each sample
            shape = [graph.integers([-1, module.num_heads]), graph.op("Shape", name, start=1)]
            name = graph.op("Reshape", name, graph.op("Concat", *shape, axis=0))
        if more:
            ends = graph.integers([0] * (2 * (4 if is_padding or mask.two.ndim == 3 else 2) - 1) + [more])
            name = graph.op("Pad", name, ends, graph.number(0))
        scores = graph.op("Add", scores, name)
    return scores


def attended(
    graph: Graph, layer: Block, name: str, dropout: str, x: Value, memory: Value, masks: tuple[Any, ...]
) -> Value:
    """The attention of this name, and the dropout behind it."""
    mask, padding, is_causal = masks
    y, _ = emit_child(graph, layer, name, x, memory, memory, padding, False, mask, True, is_causal)
    y = emit_child(graph, layer, dropout, y)
    assert isinstance(y, Value)
    return y


def fed(graph: Graph, layer: Block, dropout: str, x: Value) -> Value:
    """The feed-forward network."""
    for key in ("linear1", "activation", "dropout", "linear2", dropout):
        x = emit_child(graph, layer, key, x)
    return x


@composite(nn.TransformerEncoderLayer)
def encoder_layer(
    graph: Graph,
    module: nn.TransformerEncoderLayer,
    src: Value,
    src_mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: bool = False,
) -> Any:
    masks = src_mask, src_key_padding_mask, is_causal
    x = src
    if module.norm_first:
        x1 = emit_child(graph, module, "norm1", x)
        x = plus(graph, x, attended(graph, module, "self_attn", "dropout1", x1, x1, masks))
        return plus(graph, x, fed(graph, module, "dropout2", emit_child(graph, module, "norm2", x)))
    x = plus(graph, x, attended(graph, module, "self_attn", "dropout1", x, x, masks))
    x = emit_child(graph, module, "norm1", x)
    return emit_child(graph, module, "norm2", plus(graph, x, fed(graph, module, "dropout2", x)))


@composite(nn.TransformerDecoderLayer)
def decoder_layer(
    graph: Graph,
    module: nn.TransformerDecoderLayer,
    tgt: Value,
    memory: Value,
    tgt_mask: Any = None,
    memory_mask: Any = None,
    tgt_key_padding_mask: Any = None,
    memory_key_padding_mask: Any = None,
    tgt_is_causal: bool = False,
    memory_is_causal: bool = False,
) -> Any:
    own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
    others = memory_mask, memory_key_padding_mask, memory_is_causal
    x = tgt
    if module.norm_first:
        x1 = emit_child(graph, module, "norm1", x)
        x = plus(graph, x, attended(graph, module, "self_attn", "dropout1", x1, x1, own))
        x2 = emit_child(graph, module, "norm2", x)
        x = plus(graph, x, attended(graph, module, "multihead_attn", "dropout2", x2, memory, others))
        return plus(graph, x, fed(graph, module, "dropout3", emit_child(graph, module, "norm3", x)))
    x = plus(graph, x, attended(graph, module, "self_attn", "dropout1", x, x, own))
    x = emit_child(graph, module, "norm1", x)
    x = plus(graph, x, attended(graph, module, "multihead_attn", "dropout2", x, memory, others))
    x = emit_child(graph, module, "norm2", x)
    return emit_child(graph, module, "norm3", plus(graph, x, fed(graph, module, "dropout3", x)))


def stacked(
    graph: Graph, module: nn.TransformerEncoder | nn.TransformerDecoder, x: Value, *others: Any
) -> Any:
    """The layers one after another, and the normalisation behind them."""
    for key, _ in module.layers.named_children():
        x = inside(module, "layers", emit_child, graph, module.layers, key, x, *others)
    return x if module.norm is None else emit_child(graph, module, "norm", x)


@composite(nn.TransformerEncoder)
def encoder(
    graph: Graph,
    module: nn.TransformerEncoder,
    src: Value,
    mask: Any = None,
    src_key_padding_mask: Any = None,
    is_causal: bool | None = None,
) -> Any:
    return stacked(graph, module, src, mask, src_key_padding_mask, bool(is_causal))


@composite(nn.TransformerDecoder)
def decoder(
    graph: Graph,
    module: nn.TransformerDecoder,
    tgt: Value,
    memory: Value,
    tgt_mask: Any = None,
    memory_mask: Any = None,
    tgt_key_padding_mask: Any = None,
    memory_key_padding_mask: Any = None,
    tgt_is_causal: bool | None = None,
    memory_is_causal: bool = False,
) -> Any:
    masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
    return stacked(graph, module, tgt, memory, *masks, bool(tgt_is_causal), memory_is_causal)


@composite(nn.Transformer)
def transformer(
    graph: Graph,
    module: nn.Transformer,
    src: Value,
    tgt: Value,
    src_mask: Any = None,
    tgt_mask: Any = None,
    memory_mask: Any = None,
    src_key_padding_mask: Any = None,
    tgt_key_padding_mask: Any = None,
    memory_key_padding_mask: Any = None,
    src_is_causal: bool | None = None,
    tgt_is_causal: bool | None = None,
    memory_is_causal: bool = False,
) -> Any:
    memory = emit_child(graph, module, "encoder", src, src_mask, src_key_padding_mask, src_is_causal)
    masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
    return emit_child(graph, module, "decoder", tgt, memory, *masks, tgt_is_causal, memory_is_causal)
