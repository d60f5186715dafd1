"""The encoder of a transformer: layers in which the positions of a sequence look at each other."""

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


class TransformerEncoderLayer(Block):
    r"""Lets the positions of a sequence look at each other, then maps each for itself; shortcuts around both.

    With self-attention A, feed-forward network F (a linear map, an activation, a linear map), each with
    dropout behind it, and normalisations :math:`N_1, N_2`:

    .. math::
        \text{norm last:} \quad h &= N_1(x + A(x)), & y &= N_2(h + F(h)) \\
        \text{norm first:} \quad h &= x + A(N_1(x)), & y &= h + F(N_2(h))

    Backwards, a gradient goes through both sides of a shortcut, and the sum goes on. With
    :math:`f'(g)` for the gradient g behind a module f as it is before it,

    .. math::
        \text{norm last:} \quad g &= N_2'(\mathrm dy), & \mathrm dh &= g + F'(g), & e &= N_1'(\mathrm dh),
            & \mathrm dx &= e + A'(e) \\
        \text{norm first:} \quad & & \mathrm dh &= \mathrm dy + N_2'(F'(\mathrm dy)), & &
            & \mathrm dx &= \mathrm dh + N_1'(A'(\mathrm dh))

    Shapes: ``(length, batch, d_model)``, with the batch first if ``batch_first``, or ``(length, d_model)``;
    kept. ``src_mask`` and ``src_key_padding_mask`` are the ``attn_mask`` and ``key_padding_mask`` of
    `MultiheadAttention`, ``is_causal`` its hint. A query without any key gives 0 in its heads.

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
        linear1: the first `Linear` map of F.
        linear2: the second one.
        norm1: the `LayerNorm` of attention.
        norm2: that of the feed-forward network.

    Raises:
        ModuleError: an argument does not fit, or a module inside complains.

    Source: A. Vaswani et al., "Attention is all you need", 2017; norm first: R. Xiong et al., "On layer
    normalization in the transformer architecture", 2020.
    """

    self_attn: MultiheadAttention
    norm1: LayerNorm
    norm2: LayerNorm
    dropout1: Dropout
    dropout2: Dropout

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
        self.norm_first = norm_first
        self.self_attn = MultiheadAttention(d_model, nhead, dropout, bias, batch_first=batch_first, **kind)
        self.linear1 = Linear(d_model, dim_feedforward, bias, **kind)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias, **kind)
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_of(self, activation)

    def forward(
        self,
        src: Float[Tensor, "*shape"],
        src_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "*shape"]:
        masks = src_mask, src_key_padding_mask, is_causal
        if self.norm_first:
            x = src + self._self_attention(self.norm1.forward(src), *masks)
            return x + self._feeding(self.norm2.forward(x))
        x = self.norm1.forward(src + self._self_attention(src, *masks))
        return self.norm2.forward(x + self._feeding(x))

    def backward(self, dy: Float[Tensor, "*shape"]) -> tuple[Tensor | None, ...]:
        if self.norm_first:
            dx = dy + self.norm2.backward(self._feeding_backward(dy))
            d, dmask, dpadding = self._self_attention_backward(dx)
            return dx + self.norm1.backward(d), dmask, dpadding, None
        dx = self.norm2.backward(dy)
        dx = self.norm1.backward(dx + self._feeding_backward(dx))
        d, dmask, dpadding = self._self_attention_backward(dx)
        return dx + d, dmask, dpadding, None

    def _self_attention(self, x: Tensor, mask: Mask, padding: Mask, is_causal: bool) -> Tensor:
        return self.dropout1.forward(self._attention(self.self_attn, x, x, mask, padding, is_causal))

    def _self_attention_backward(self, dy: Tensor) -> tuple[Any, Any, Any]:
        dx, dkeys, dmask, dpadding = self._attention_backward(self.self_attn, self.dropout1.backward(dy))
        return dx + dkeys, dmask, dpadding

    def _feeding(self, x: Tensor) -> Tensor:
        return self.dropout2.forward(self._feed_forward(x))

    def _feeding_backward(self, dy: Tensor) -> Tensor:
        return self._feed_forward_backward(self.dropout2.backward(dy))


class TransformerEncoder(Module):
    r"""Encodes a sequence by several layers, one after another, and perhaps a normalisation.

    .. math::
        y = (N \circ f_n \circ \dots \circ f_1)(x), \qquad
        \frac{\partial \ell}{\partial x} = f_1'\big(\dots f_n'\big(N'
            \big(\tfrac{\partial \ell}{\partial y}\big)\big)\big), \qquad
        \frac{\partial \ell}{\partial M} = \sum_i \frac{\partial \ell}{\partial M_i}

    where each layer :math:`f_i` has the same mask M, which gets a gradient :math:`M_i` from it.

    Shapes: as the layers take them, those of `TransformerEncoderLayer`; ``mask`` is its ``src_mask``.

    Args:
        encoder_layer: the layer of which each is a copy, with the same numbers at the start.
        num_layers: the number of layers.
        norm: a module behind the last one, or None.
        enable_nested_tensor: without effect here; in torch.nn, whether evaluation may leave padding out.
        mask_check: without effect, likewise.

    Attributes:
        layers: a `ModuleList` of the layers.
        norm: as passed.

    Raises:
        ModuleError: there are no layers, or one of them complains.

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    layers: ModuleList
    norm: Module | None

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        self.layers = copies(self, encoder_layer, num_layers)
        self.num_layers = num_layers
        self.norm = norm
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Float[Tensor, "*shape"],
        mask: Mask = None,
        src_key_padding_mask: Mask = None,
        is_causal: bool | None = None,
    ) -> Float[Tensor, "*shape"]:
        x = src
        for layer in self.layers:
            x = layer.forward(x, mask, src_key_padding_mask, bool(is_causal))
        return x if self.norm is None else self.norm.forward(x)

    def backward(self, dy: Float[Tensor, "*shape"]) -> tuple[Tensor | None, ...]:
        dx: Any = dy if self.norm is None else self.norm.backward(dy)
        dmask = dpadding = None
        for layer in reversed(list(self.layers)):
            dx, dmask_here, dpadding_here, _ = layer.backward(dx)
            dmask, dpadding = added(dmask, dmask_here), added(dpadding, dpadding_here)
        return dx, dmask, dpadding, None
