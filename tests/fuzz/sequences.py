"""Random configurations of recurrent networks and attention."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from fuzz.configuration import Configuration
from fuzz.draw import DTYPES, KINDS, Draw
from fuzz.layers import Make, optional

# Of infinite numbers, nothing but the order of adding and multiplying would be compared, which differs.
FINITE = tuple(kind for kind in KINDS if kind != "special")
# Of large numbers, the softmax leaves one key, and nothing but rounding of the gradients before it.
MODERATE = tuple(kind for kind in FINITE if kind != "large")
FEW = (1, 1, 2, 3, 5)


def recurrent(name: str) -> Make:
    """A network of a batch or of a single sequence, with or without states."""

    def make(draw: Draw) -> Configuration:
        dtype, kind, training = draw.one(*DTYPES), draw.one(*FINITE), draw.chance(0.5)
        features, hidden = draw.one(0, *FEW), draw.one(*FEW)
        arguments = optional(
            draw,
            num_layers=draw.one(1, 1, 2, 3),
            bias=draw.chance(0.5),
            batch_first=draw.chance(0.5),
            bidirectional=draw.chance(0.5),
        )
        if arguments.get("num_layers", 1) > 1:  # else torch.nn warns
            arguments |= optional(draw, dropout=0.0 if training else 0.3)
        if name == "RNN":
            arguments |= optional(draw, nonlinearity=draw.one("tanh", "relu"))
        if name == "LSTM":
            arguments |= optional(draw, proj_size=draw.one(0, 1, max(0, hidden - 1)))
        time, batch = draw.one(*FEW), () if draw.chance(0.3) else (draw.one(*FEW),)
        shape = (*batch, time) if arguments.get("batch_first") else (time, *batch)
        inputs = [draw.tensor((*shape, features + draw.chance(0.02)), dtype, kind)]
        if draw.chance(0.5):
            rows = arguments.get("num_layers", 1) * (1 + arguments.get("bidirectional", False))
            states = [arguments.get("proj_size") or hidden, *([hidden] if name == "LSTM" else [])]
            inputs += [draw.tensor((rows, *batch, size + draw.chance(0.02)), dtype, kind) for size in states]
        arguments |= {"input_size": features, "hidden_size": hidden}
        return Configuration(name, arguments, tuple(inputs), dtype, kind, training)

    return make


def cell(name: str) -> Make:
    def make(draw: Draw) -> Configuration:
        dtype, kind = draw.one(*DTYPES), draw.one(*FINITE)
        features, hidden = draw.one(0, *FEW), draw.one(*FEW)
        arguments = optional(draw, bias=draw.chance(0.5))
        if name == "RNNCell":
            arguments |= optional(draw, nonlinearity=draw.one("tanh", "relu"))
        batch = () if draw.chance(0.3) else (draw.one(0, *FEW),)
        states = draw.one(0, 2 if name == "LSTMCell" else 1)
        sizes = [features, *[hidden + draw.chance(0.02)] * states]
        inputs = tuple(draw.tensor((*batch, size), dtype, kind) for size in sizes)
        arguments |= {"input_size": features, "hidden_size": hidden}
        return Configuration(name, arguments, inputs, dtype, kind, draw.chance(0.5))

    return make


def mask(draw: Draw, shape: tuple[int, ...], dtype: torch.dtype) -> Tensor:
    """Numbers, or truth values that leave the first key to every query; minus infinity in their stead."""
    numbers = draw.numbers(shape, "ordinary")
    if draw.chance(0.4):
        return numbers.to(dtype)
    hidden = numbers > draw.one(0.0, 1.0)
    hidden[..., 0] = False
    return hidden if draw.chance(0.7) else torch.zeros(shape, dtype=dtype).masked_fill(hidden, -torch.inf)


def masks(draw: Draw, dtype: torch.dtype, **shapes: tuple[int, ...]) -> dict[str, Any]:
    """Some of the masks, of one type, for torch.nn warns of several."""
    drawn = {name: mask(draw, shape, dtype) for name, shape in shapes.items() if draw.chance(0.4)}
    return drawn if len({each.dtype for each in drawn.values()}) < 2 else {}


def positions(draw: Draw, sizes: list[int], batch: int, batch_first: bool) -> tuple[list[int], list[Any]]:
    """Lengths, the second shared by all further ones, and shapes; without a batch if it is -1."""
    first, others = draw.one(*FEW), draw.one(*FEW)
    lengths = [first, *[others] * (len(sizes) - 1)]
    if batch < 0:
        return lengths, list(zip(lengths, sizes))
    return lengths, [(batch, n, k) if batch_first else (n, batch, k) for n, k in zip(lengths, sizes)]


def attention(draw: Draw) -> Configuration:
    dtype, kind, training = draw.one(*DTYPES), draw.one(*MODERATE), draw.chance(0.5)
    heads, batch = draw.one(1, 1, 2, 3), draw.one(-1, *FEW)
    size = heads * draw.one(1, 2, 4)
    arguments = optional(
        draw,
        dropout=0.0 if training else 0.3,
        bias=draw.chance(0.5),
        add_bias_kv=draw.chance(0.3),
        add_zero_attn=draw.chance(0.3),
        batch_first=draw.chance(0.5),
    )
    if draw.chance(0.3):
        arguments |= {"kdim": draw.one(*FEW), "vdim": draw.one(*FEW)}
    sizes = [size, arguments.get("kdim", size), arguments.get("vdim", size)]
    (queries, keys, _), shapes = positions(draw, sizes, batch, arguments.get("batch_first", False))
    samples = () if batch < 0 else (batch,)
    options = masks(
        draw,
        dtype,
        key_padding_mask=(*samples, keys),
        attn_mask=draw.one((queries, keys), (abs(batch) * heads, queries, keys)),
    )
    options |= optional(draw, need_weights=draw.chance(0.5), average_attn_weights=draw.chance(0.5))
    inputs = tuple(draw.tensor(shape, dtype, kind) for shape in shapes)
    arguments |= {"embed_dim": size, "num_heads": heads}
    return Configuration("MultiheadAttention", arguments, inputs, dtype, kind, training, options=options)


def transformer(name: str) -> Make:
    """A layer or several, in double precision: norms enlarge what others round."""

    def make(draw: Draw) -> Configuration:
        dtype, training, batch = torch.float64, draw.chance(0.5), draw.one(-1, *FEW)
        heads = draw.one(1, 2, 3)
        arguments = {
            "d_model": heads * draw.one(3, 4),  # of fewer, normalisation leaves mostly rounding errors
            "nhead": heads,
            "dim_feedforward": draw.one(*FEW),
            "dropout": 0.0 if training else 0.3,
            "layer_norm_eps": draw.one(1e-2, 0.3),
            **optional(
                draw,
                activation=draw.one("relu", "gelu"),
                batch_first=draw.chance(0.5),
                norm_first=draw.chance(0.5),
                bias=draw.chance(0.5),
            ),
        }
        size, in_order = arguments["d_model"], arguments.get("batch_first", False)
        count = 1 if "Encoder" in name else 2
        (first, *others), shapes = positions(draw, [size] * count, batch, in_order)
        samples, (second,) = () if batch < 0 else (batch,), others or (first,)
        inputs = tuple(draw.tensor(shape, dtype, "ordinary") for shape in shapes)
        if name == "Transformer":
            arguments |= {"num_encoder_layers": draw.one(1, 2), "num_decoder_layers": draw.one(1, 2)}
            shapes = {
                "src_mask": (first, first),
                "tgt_mask": (second, second),
                "memory_mask": (second, first),
                "src_key_padding_mask": (*samples, first),
                "tgt_key_padding_mask": (*samples, second),
                "memory_key_padding_mask": (*samples, first),
            }
        elif "Encoder" in name:
            own = "src_mask" if "Layer" in name else "mask"
            shapes = {own: (first, first), "src_key_padding_mask": (*samples, first)}
        else:
            shapes = {
                "tgt_mask": (first, first),
                "memory_mask": (first, second),
                "tgt_key_padding_mask": (*samples, first),
                "memory_key_padding_mask": (*samples, second),
            }
        if name in ("TransformerEncoder", "TransformerDecoder"):
            stack = {"num_layers": draw.one(1, 2), "normalised": draw.chance(0.5)}
            arguments = {**stack, "options": arguments}
        options = masks(draw, dtype, **shapes)
        return Configuration(name, arguments, inputs, dtype, "ordinary", training, options=options)

    return make


SEQUENCES: dict[str, Make] = {
    **{name: recurrent(name) for name in ("RNN", "GRU", "LSTM")},
    **{name: cell(name) for name in ("RNNCell", "GRUCell", "LSTMCell")},
    "MultiheadAttention": attention,
    **{
        name: transformer(name)
        for name in (
            *("Transformer", "TransformerEncoder", "TransformerDecoder"),
            *("TransformerEncoderLayer", "TransformerDecoderLayer"),
        )
    },
}
