"""Recurrent networks, and sequences of different lengths for them."""

from plaingrad.nn.recurrent.cell import GRUCell, LSTMCell, RNNCell
from plaingrad.nn.recurrent.gru import GRU
from plaingrad.nn.recurrent.lstm import LSTM
from plaingrad.nn.recurrent.packed import (
    PackedSequence,
    pack_padded_sequence,
    pack_sequence,
    pad_packed_sequence,
    pad_sequence,
)
from plaingrad.nn.recurrent.rnn import RNN

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "GRUCell",
    "LSTMCell",
    "PackedSequence",
    "RNNCell",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
]
