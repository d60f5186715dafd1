"""Rows of the conformance table: attention, and the layers of transformers."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

small = st.integers(1, 3)
FEW = -30.0  # hides nearly as minus infinity does, and has a derivative


@st.composite
def multihead(draw: st.DrawFn) -> Arguments:
    optional = {
        "dropout": st.sampled_from([0.0, 0.3]),
        "bias": st.booleans(),
        "add_bias_kv": st.booleans(),
        "add_zero_attn": st.booleans(),
        "kdim": small,
        "vdim": small,
        "batch_first": st.booleans(),
    }
    heads = draw(small)
    given = draw(st.fixed_dictionaries({}, optional=optional))
    return {"embed_dim": heads * draw(small), "num_heads": heads, **given}


@st.composite
def layer(draw: st.DrawFn) -> Arguments:
    optional = {
        "dim_feedforward": small,
        "activation": st.sampled_from(["relu", "gelu"]),
        "batch_first": st.booleans(),
        "norm_first": st.booleans(),
        "bias": st.booleans(),
    }
    heads = draw(small)
    return {
        "d_model": heads * draw(st.integers(3, 4)),  # of fewer, normalisation leaves mostly rounding errors
        "nhead": heads,
        "layer_norm_eps": draw(st.sampled_from([1e-2, 0.3])),
        "dropout": draw(st.sampled_from([0.0, 0.0, 0.3])),
        **draw(st.fixed_dictionaries({}, optional=optional)),
    }


@st.composite
def mask(draw: st.DrawFn, *shape: int) -> Tensor:
    """Numbers, or truth values that leave the first key to every query."""
    scores = draw(normal(*shape))
    if draw(st.booleans()):
        return scores
    hidden = scores > 0
    hidden[..., 0] = False
    return hidden


@st.composite
def positions(draw: st.DrawFn, batch: int, length: int, size: int, batch_first: bool) -> Tensor:
    if not batch:
        return draw(normal(length, size))
    return draw(normal(batch, length, size) if batch_first else normal(length, batch, size))


@st.composite
def sequences(draw: st.DrawFn, arguments: Arguments, sizes: list[int]) -> tuple[Inputs, list[Any]]:
    """A sequence of each of these sizes, the first of its own length, and their batch and lengths."""
    batch, first, others = draw(st.integers(0, 3)), draw(small), draw(small)
    lengths = [first, *[others] * (len(sizes) - 1)]
    in_order = arguments.get("batch_first", False)
    drawn = [draw(positions(batch, n, size, in_order)) for n, size in zip(lengths, sizes)]
    return tuple(drawn), [() if not batch else (batch,), first, others, batch]


@st.composite
def queries(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    size = arguments["embed_dim"]
    sizes = [size, arguments.get("kdim", size), arguments.get("vdim", size)]
    inputs, (batch, _, keys, _) = draw(sequences(arguments, sizes))
    return (*inputs, draw(mask(*batch, keys))) if draw(st.booleans()) else inputs


@st.composite
def attn_mask(draw: st.DrawFn, arguments: Arguments, batch: int, queries: int, keys: int) -> Tensor:
    by_head = draw(st.booleans())
    return draw(mask(*[max(batch, 1) * arguments["nhead"]] * by_head, queries, keys))


@st.composite
def source(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    (src,), (samples, length, _, batch) = draw(sequences(arguments, [arguments["d_model"]]))
    masks = [draw(attn_mask(arguments, batch, length, length)), draw(mask(*samples, length))]
    return (src, *masks[: draw(st.integers(0, 2))])


@st.composite
def target(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    (tgt, memory), (samples, length, others, batch) = draw(sequences(arguments, [arguments["d_model"]] * 2))
    masks = [
        draw(attn_mask(arguments, batch, length, length)),
        draw(attn_mask(arguments, batch, length, others)),
        draw(mask(*samples, length)),
        draw(mask(*samples, others)),
    ]
    return (tgt, memory, *masks[: draw(st.integers(0, 4))])


@st.composite
def source_and_target(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    (src, tgt), (samples, sources, targets, batch) = draw(sequences(arguments, [arguments["d_model"]] * 2))
    masks = [
        draw(attn_mask(arguments, batch, sources, sources)),
        draw(attn_mask(arguments, batch, targets, targets)),
        draw(attn_mask(arguments, batch, targets, sources)),
        *(draw(mask(*samples, length)) for length in (sources, targets, sources)),
    ]
    return (src, tgt, *masks[: draw(st.integers(0, 6))])


class TorchTransformerEncoderLayer(torch.nn.TransformerEncoderLayer):
    """torch.nn's with the name of its activation, as which ours has it, for its default."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        options = dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        super().__init__(d_model, nhead, *options, device, dtype)


class TorchTransformerDecoderLayer(torch.nn.TransformerDecoderLayer):
    """As `TorchTransformerEncoderLayer`."""

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = "relu",
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        options = dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first, bias
        super().__init__(d_model, nhead, *options, device, dtype)


class TorchTransformer(torch.nn.Transformer):
    """As `TorchTransformerEncoderLayer`."""

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Any = "relu",
        custom_encoder: Any = None,
        custom_decoder: Any = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        layers = num_encoder_layers, num_decoder_layers
        customs = custom_encoder, custom_decoder
        options = layer_norm_eps, batch_first, norm_first, bias
        super().__init__(
            d_model, nhead, *layers, dim_feedforward, dropout, activation, *customs, *options, device, dtype
        )


class Encoder(nn.TransformerEncoder):
    """A stack with its layers."""

    def __init__(self, num_layers: int, normalised: bool, options: dict[str, Any]) -> None:
        norm = nn.LayerNorm(options["d_model"]) if normalised else None
        super().__init__(nn.TransformerEncoderLayer(**options), num_layers, norm, enable_nested_tensor=False)


class TorchEncoder(torch.nn.TransformerEncoder):
    """As `Encoder`."""

    def __init__(self, num_layers: int, normalised: bool, options: dict[str, Any]) -> None:
        norm = torch.nn.LayerNorm(options["d_model"]) if normalised else None
        one = torch.nn.TransformerEncoderLayer(**options)
        super().__init__(one, num_layers, norm, enable_nested_tensor=False)


class Decoder(nn.TransformerDecoder):
    """As `Encoder`."""

    def __init__(self, num_layers: int, normalised: bool, options: dict[str, Any]) -> None:
        norm = nn.LayerNorm(options["d_model"]) if normalised else None
        super().__init__(nn.TransformerDecoderLayer(**options), num_layers, norm)


class TorchDecoder(torch.nn.TransformerDecoder):
    """As `Encoder`."""

    def __init__(self, num_layers: int, normalised: bool, options: dict[str, Any]) -> None:
        norm = torch.nn.LayerNorm(options["d_model"]) if normalised else None
        super().__init__(torch.nn.TransformerDecoderLayer(**options), num_layers, norm)


stack = st.fixed_dictionaries(
    {"num_layers": st.integers(1, 2), "normalised": st.booleans(), "options": layer()}
)


@st.composite
def whole(draw: st.DrawFn) -> Arguments:
    counts = {f"num_{part}_layers": draw(st.integers(1, 2)) for part in ("encoder", "decoder")}
    return draw(layer()) | counts


def finite_masks(first: int) -> Any:
    """Make masks of any numbers those that hide no key for certain."""

    def within(arguments: Arguments, inputs: Inputs) -> Inputs:
        masks = [x if x.dtype == torch.bool else x.nan_to_num(0).clamp(FEW, 30) for x in inputs[first:]]
        return (*inputs[:first], *masks)

    return within


CASES = [
    Case(
        ours=nn.MultiheadAttention,
        theirs=torch.nn.MultiheadAttention,
        arguments=multihead(),
        inputs=queries,
        within=finite_masks(3),
        random=True,
        same_draws=True,
    ),
    Case(
        ours=nn.TransformerEncoderLayer,
        theirs=TorchTransformerEncoderLayer,
        arguments=layer(),
        inputs=source,
        within=finite_masks(1),
        random=True,
    ),
    Case(
        ours=nn.TransformerDecoderLayer,
        theirs=TorchTransformerDecoderLayer,
        arguments=layer(),
        inputs=target,
        within=finite_masks(2),
        random=True,
    ),
    Case(
        ours=Encoder,
        theirs=TorchEncoder,
        arguments=stack,
        inputs=lambda arguments: source(arguments["options"]),
        within=finite_masks(1),
        random=True,
    ),
    Case(
        ours=Decoder,
        theirs=TorchDecoder,
        arguments=stack,
        inputs=lambda arguments: target(arguments["options"]),
        within=finite_masks(2),
        random=True,
    ),
    Case(
        ours=nn.Transformer,
        theirs=TorchTransformer,
        arguments=whole(),
        inputs=source_and_target,
        within=finite_masks(2),
        random=True,
    ),
]
