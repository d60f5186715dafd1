"""The decoder of a transformer: layers that look at the sequence so far, and at the encoder's output."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.contract.nest import added
from plaingrad.module import Module
from plaingrad.nn.attention.block import Block, activation_of, copies
from plaingrad.nn.attention.masks import Mask
from plaingrad.nn.attention.multihead import MultiheadAttention
from plaingrad.nn.container.collections import ModuleList
from plaingrad.nn.dropout.dropout import Dropout
from plaingrad.nn.linear.linear import Linear
from plaingrad.nn.normalization.layer import LayerNorm


class TransformerDecoderLayer(Block):
    r"""Lets the positions of a sequence look at each other and at a memory, then maps each for itself.

    With self-attention A, attention B to the memory m, feed-forward network F, each with dropout behind it,
    and normalisations :math:`N_1, N_2, N_3`:

    .. math::
        \text{norm last:} \quad g &= N_1(x + A(x)), & h &= N_2(g + B(g, m)), & y &= N_3(h + F(h)) \\
        \text{norm first:} \quad g &= x + A(N_1(x)), & h &= g + B(N_2(g), m), & y &= h + F(N_3(h))

    Backwards in reverse order, as in `TransformerEncoderLayer`; B also gives the memory its gradient. With
    the norm last, from :math:`e = N_3'(\mathrm dy) + F'(N_3'(\mathrm dy))` on,

    .. math::
        u = N_2'(e), \qquad (\mathrm dg_B, \mathrm dm) = B'(u), \qquad
        v = N_1'(u + \mathrm dg_B), \qquad \mathrm dx = v + A'(v)

    Shapes: as for `TransformerEncoderLayer`, the memory of another length; masks ``(queries, keys)`` or
    ``(batch * nhead, queries, keys)``, those of padding ``(batch, keys)``.

    Args:
        d_model: the size of each position's vector.
        nhead: the number of heads, a divisor of it.
        dim_feedforward: the size between the two linear maps.
        dropout: the probability of each element to be dropped, of attention's weights too.
        activation: ``"relu"``, ``"gelu"`` or a module.
        layer_norm_eps: added to the variances.
        batch_first: whether the batch is the first axis, and not the second.
        norm_first: whether to normalise before attention and feed-forward, and not behind the shortcuts.
        bias: whether linear maps and normalisations have learned shifts.
        device: where the parameters live.
        dtype: their floating-point type.

    Attributes:
        self_attn: the `MultiheadAttention` A.
        multihead_attn: the one of the memory, B.
        linear1: the first `Linear` map of F.
        linear2: the second one.
        norm1: the `LayerNorm` of A.
        norm2: that of B.
        norm3: that of F.

    Raises:
        ModuleError: an argument does not fit, or a module inside complains.

    Source: A. Vaswani et al., as for `TransformerEncoderLayer`.
    """

    self_attn: MultiheadAttention
    multihead_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    norm3: LayerNorm
    dropout1: Dropout
    dropout2: Dropout
    dropout3: Dropout

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: int | float = 0.1,
        activation: str | Module = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **kind)
        self.multihead_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **kind
        )
        self.linear1 = Linear(d_model, dim_feedforward, bias, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **kind)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.norm3 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.dropout3 = Dropout(dropout)
        self.activation = activation_of(self, activation)

    def forward(
        self,
        tgt: Float[Tensor, "*shape"],
        memory: Float[Tensor, "*memory"],
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Float[Tensor, "*shape"]:
        own = tgt_mask, tgt_key_padding_mask, tgt_is_causal
        others = memory, memory_mask, memory_key_padding_mask, memory_is_causal
        if self.norm_first:
            x = tgt + self._self_attention(self.norm1.forward(tgt), *own)
            x = x + self._memory_attention(self.norm2.forward(x), *others)
            return x + self._feeding(self.norm3.forward(x))
        x = self.norm1.forward(tgt + self._self_attention(tgt, *own))
        x = self.norm2.forward(x + self._memory_attention(x, *others))
        return self.norm3.forward(x + self._feeding(x))

    def backward(self, dy: Float[Tensor, "*shape"]) -> tuple[Tensor | None, ...]:
        if self.norm_first:
            dx = dy + self.norm3.backward(self._feeding_backward(dy))
            d, dmemory, *dothers = self._memory_attention_backward(dx)
            dx = dx + self.norm2.backward(d)
            d, *down = self._self_attention_backward(dx)
            dx = dx + self.norm1.backward(d)
        else:
            dx = self.norm3.backward(dy)
            dx = self.norm2.backward(dx + self._feeding_backward(dx))
            d, dmemory, *dothers = self._memory_attention_backward(dx)
            dx = self.norm1.backward(dx + d)
            d, *down = self._self_attention_backward(dx)
            dx = dx + d
        return dx, dmemory, down[0], dothers[0], down[1], dothers[1], None, None

    def _self_attention(self, x: Tensor, mask: Mask, padding: Mask, is_causal: bool) -> Tensor:
        return self.dropout1.forward(self._attention(self.self_attn, x, x, mask, padding, is_causal))

    def _self_attention_backward(self, dy: Tensor) -> tuple[Any, Any, Any]:
        dx, dkeys, dmask, dpadding = self._attention_backward(self.self_attn, self.dropout1.backward(dy))
        return dx + dkeys, dmask, dpadding

    def _memory_attention(
        self, x: Tensor, memory: Tensor, mask: Mask, padding: Mask, is_causal: bool
    ) -> Tensor:
        y = self._attention(self.multihead_attn, x, memory, mask, padding, is_causal)
        return self.dropout2.forward(y)

    def _memory_attention_backward(self, dy: Tensor) -> tuple[Any, Any, Any, Any]:
        return self._attention_backward(self.multihead_attn, self.dropout2.backward(dy))

    def _feeding(self, x: Tensor) -> Tensor:
        return self.dropout3.forward(self._feed_forward(x))

    def _feeding_backward(self, dy: Tensor) -> Tensor:
        return self._feed_forward_backward(self.dropout3.backward(dy))


class TransformerDecoder(Module):
    r"""Decodes a sequence by several layers, one after another, all of which look at one memory.

    .. math::
        y = (N \circ f_n(\cdot, m) \circ \dots \circ f_1(\cdot, m))(x), \qquad
        \frac{\partial \ell}{\partial m} = \sum_i \frac{\partial \ell}{\partial m_i}

    where :math:`m_i` is the memory as layer i sees it. The gradient of the sequence goes back through the
    layers in reverse order; those of the masks add up, as that of the memory.

    Shapes: as the layers take them, those of `TransformerDecoderLayer`.

    Args:
        decoder_layer: the layer of which each is a copy, with the same numbers at the start.
        num_layers: the number of layers.
        norm: a module behind the last one, or None.

    Attributes:
        layers: a `ModuleList` of the layers.
        norm: as passed.

    Raises:
        ModuleError: there are no layers, or one of them complains.

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    layers: ModuleList
    norm: Module | None

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        self.layers = copies(self, decoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm

    def forward(
        self,
        tgt: Float[Tensor, "*shape"],
        memory: Float[Tensor, "*memory"],
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Float[Tensor, "*shape"]:
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        x = tgt
        for layer in self.layers:
            x = layer.forward(x, memory, *masks, bool(tgt_is_causal), memory_is_causal)
        return x if self.norm is None else self.norm.forward(x)

    def backward(self, dy: Float[Tensor, "*shape"]) -> tuple[Tensor | None, ...]:
        dx: Any = dy if self.norm is None else self.norm.backward(dy)
        dothers: Any = (None,) * 5  # of the memory and the masks
        for layer in reversed(list(self.layers)):
            dx, *dhere, _, _ = layer.backward(dx)
            dothers = added(dothers, tuple(dhere))
        return dx, *dothers, None, None
