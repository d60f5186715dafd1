"""Encoder and decoder together."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad import init
from plaingrad.module import Module, ModuleError
from plaingrad.nn.attention.decoder import TransformerDecoder, TransformerDecoderLayer
from plaingrad.nn.attention.encoder import TransformerEncoder, TransformerEncoderLayer
from plaingrad.nn.attention.masks import Mask, square_subsequent_mask
from plaingrad.nn.normalization.layer import LayerNorm
from plaingrad.parameter import shape


class Transformer(Module):
    r"""Encodes a source, and decodes a target that looks at it.

    .. math::
        m = E(s), \qquad y = D(t, m), \qquad
        \Big(\frac{\partial \ell}{\partial t}, \frac{\partial \ell}{\partial m}\Big) =
            D'\Big(\frac{\partial \ell}{\partial y}\Big), \qquad
        \frac{\partial \ell}{\partial s} = E'\Big(\frac{\partial \ell}{\partial m}\Big)

    Shapes: source ``(length, batch, d_model)`` and target, of another length, alike; with the batch first if
    ``batch_first``, or both without a batch. The output is shaped as the target. Masks are those of
    `TransformerEncoder` and `TransformerDecoder`.

    Args:
        d_model: the size of each position's vector.
        nhead: the number of heads, a divisor of it.
        num_encoder_layers: the number of layers of the encoder.
        num_decoder_layers: the number of layers of the decoder.
        dim_feedforward: the size between the two linear maps of a layer.
        dropout: the probability of each element to be dropped.
        activation: ``"relu"``, ``"gelu"`` or a module, of which each layer has a copy of its own.
        custom_encoder: a module in place of the encoder, which takes what `TransformerEncoder` takes.
        custom_decoder: one in place of the decoder, likewise.
        layer_norm_eps: added to the variances.
        batch_first: whether the batch is the first axis, and not the second.
        norm_first: whether layers normalise before attention and feed-forward.
        bias: whether linear maps and normalisations have learned shifts.
        device: where the parameters live.
        dtype: their floating-point type.

    Attributes:
        encoder: a `TransformerEncoder` with a normalisation at its end, or the one that was passed.
        decoder: a `TransformerDecoder`, likewise.

    Raises:
        ModuleError: an argument does not fit, source and target have other sizes than ``d_model`` or differ
            in their samples, or a module inside complains.

    Source: A. Vaswani et al., "Attention is all you need", 2017.
    """

    encoder: Module
    decoder: Module

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: int | float = 0.1,
        activation: str | Module = "relu",
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        options = dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        if custom_encoder is None:
            encoder_layer = TransformerEncoderLayer(d_model, nhead, *options, **kind)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
            custom_encoder = TransformerEncoder(encoder_layer, num_encoder_layers, norm)
        if custom_decoder is None:
            decoder_layer = TransformerDecoderLayer(d_model, nhead, *options, **kind)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **kind)
            custom_decoder = TransformerDecoder(decoder_layer, num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Redraw all parameters of two axes or more by Xavier's rule, so that copies differ."""
        for _, parameter in self.named_parameters():
            if parameter.value.ndim > 1:
                init.xavier_uniform_(parameter, generator=self.generator)

    def forward(
        self,
        src: Float[Tensor, "*source"],
        tgt: Float[Tensor, "*shape"],
        src_mask: Mask = None,
        tgt_mask: Mask = None,
        memory_mask: Mask = None,
        src_key_padding_mask: Mask = None,
        tgt_key_padding_mask: Mask = None,
        memory_key_padding_mask: Mask = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Float[Tensor, "*shape"]:
        self._expect(src, tgt)
        memory = self.encoder.forward(src, src_mask, src_key_padding_mask, src_is_causal)
        masks = tgt_mask, memory_mask, tgt_key_padding_mask, memory_key_padding_mask
        y: Tensor = self.decoder.forward(tgt, memory, *masks, tgt_is_causal, memory_is_causal)
        return y

    def backward(self, dy: Float[Tensor, "*shape"]) -> tuple[Tensor | None, ...]:
        dtgt, dmemory, dtgt_mask, dmemory_mask, dtgt_padding, dmemory_padding, _, _ = self.decoder.backward(
            dy
        )
        dsrc, dsrc_mask, dsrc_padding, _ = self.encoder.backward(dmemory)
        dmasks = dsrc_mask, dtgt_mask, dmemory_mask, dsrc_padding, dtgt_padding, dmemory_padding
        return dsrc, dtgt, *dmasks, None, None, None

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> Float[Tensor, "sz sz"]:
        """The mask that hides all later positions: minus infinity above the diagonal, and 0 elsewhere."""
        return square_subsequent_mask(sz, device, dtype)

    def _expect(self, src: Tensor, tgt: Tensor) -> None:
        axis = 0 if self.batch_first else 1
        fits = src.ndim == tgt.ndim and src.ndim in (2, 3)
        fits = fits and src.shape[-1] == tgt.shape[-1] == self.d_model
        if not fits or (src.ndim == 3 and src.shape[axis] != tgt.shape[axis]):
            expected = f"src and tgt of as many samples, (*, {self.d_model})"
            raise ModuleError(self, f"expected {expected}, got {shape(src)} and {shape(tgt)}")
