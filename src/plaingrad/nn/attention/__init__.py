"""Attention, and the layers of transformers."""

from plaingrad.nn.attention.decoder import TransformerDecoder, TransformerDecoderLayer
from plaingrad.nn.attention.encoder import TransformerEncoder, TransformerEncoderLayer
from plaingrad.nn.attention.multihead import MultiheadAttention
from plaingrad.nn.attention.transformer import Transformer

__all__ = [
    "MultiheadAttention",
    "Transformer",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]
