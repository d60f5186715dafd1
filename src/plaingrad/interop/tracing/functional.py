"""The functions of torch.nn.functional, as nodes of a graph."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.interop.tracing.builder import Attribute, Builder, ByMode, Name, constant
from plaingrad.interop.tracing.operations import operation
from plaingrad.interop.tracing.weights import group_norm, with_weights
from plaingrad.module import Module
from plaingrad.nn.loss.reduction import Reduction

# By the names of the functions; those of one word differ from the class in case alone.
CLASSES: dict[str, type[Module]] = {}


def _words(name: str) -> str:
    return name.replace("_", "").lower()


def _find_classes() -> None:
    by_words = {_words(name): getattr(nn, name) for name in nn.__all__ if hasattr(torch.nn, name)}
    others = {
        "binary_cross_entropy": nn.BCELoss,
        "binary_cross_entropy_with_logits": nn.BCEWithLogitsLoss,
    }
    for name, function in vars(functional).items():
        if callable(function) and not name.startswith("_"):
            words = _words(name)
            layer = others.get(name) or by_words.get(words) or by_words.get(words + "loss")
            if layer is not None:
                CLASSES[name] = layer


_find_classes()

# Arguments of functions that a module has as its state.
WEIGHTS = ("weight", "bias")

# Arguments of functions that follow from the layer, or change no result.
IGNORED = {"training", "inplace", "size_average", "reduce"}

DROPOUTS = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
RANDOM = (*DROPOUTS, nn.RReLU)

CONVOLUTION = ("input", "weight", "bias", "stride", "padding")
POOLING = ("input", "kernel_size", "stride", "padding")

# The arguments of functions that do not tell theirs, since they are written in C++ or chosen between two.
AXES = (1, 2, 3)
POSITIONAL: dict[str, tuple[str, ...]] = {
    **{f"conv{axes}d": (*CONVOLUTION, "dilation", "groups") for axes in AXES},
    **{f"conv_transpose{axes}d": (*CONVOLUTION, "output_padding", "groups", "dilation") for axes in AXES},
    **{f"max_pool{axes}d": (*POOLING, "dilation", "ceil_mode", "return_indices") for axes in AXES},
    "avg_pool1d": (*POOLING, "ceil_mode", "count_include_pad"),
    **{
        f"avg_pool{axes}d": (*POOLING, "ceil_mode", "count_include_pad", "divisor_override")
        for axes in (2, 3)
    },
    **{f"adaptive_max_pool{axes}d": ("input", "output_size", "return_indices") for axes in AXES},
    "adaptive_avg_pool1d": ("input", "output_size"),
    "prelu": ("input", "weight"),
    "logsigmoid": ("input",),
    "gelu": ("input", "approximate"),
    "hardshrink": ("input", "lambd"),
    "softshrink": ("input", "lambd"),
    "softplus": ("input", "beta", "threshold"),
    "linear": ("input", "weight", "bias"),
    "bilinear": ("input1", "input2", "weight", "bias"),
    "pixel_shuffle": ("input", "upscale_factor"),
    "pixel_unshuffle": ("input", "downscale_factor"),
    "channel_shuffle": ("input", "groups"),
    "pairwise_distance": ("x1", "x2", "p", "eps", "keepdim"),
    "cosine_similarity": ("x1", "x2", "dim", "eps"),
    "threshold_": ("input", "threshold", "value"),
    "relu_": ("input",),
    "selu_": ("input",),
    "hardtanh_": ("input", "min_val", "max_val"),
    "elu_": ("input", "alpha"),
    "celu_": ("input", "alpha"),
    "leaky_relu_": ("input", "negative_slope"),
    "rrelu_": ("input", "lower", "upper", "training"),
}


def as_module(build: Builder, name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> Name:
    """A function that torch.nn has as a class, as a module of `plaingrad.nn`.

    Raises:
        ValueError: an argument that the class has in its constructor depends on the input.
    """
    layer = CLASSES[name]
    arguments = _bound(name, args, keywords)
    constructor = set(inspect.signature(layer.__init__).parameters)  # type: ignore[misc]
    options, uses, weights = dict[str, Any](), [], {}
    if layer in RANDOM and not _draws(name, arguments):
        return _without_draws(build, layer, arguments)
    for key, value in arguments.items():
        if key in IGNORED or key.startswith("_") or (key not in constructor and value is None):
            continue
        if key in WEIGHTS and not (issubclass(layer, Reduction) and key in constructor):
            weights[key] = value
        elif key in constructor:
            options[key] = value.value if isinstance(value, Attribute) else constant(value, key)
        elif isinstance(value, (Name, Attribute)):
            uses.append(value)
        else:
            raise InputError(f"expected no {key} for {name}, got {value!r:.60}")
    weights = {key: value for key, value in weights.items() if value is not None}
    if layer in (nn.LayerNorm, nn.RMSNorm) and not weights:
        options["elementwise_affine"] = False
    if layer is nn.GroupNorm and not weights:
        return group_norm(build, uses[0], **options)
    if not weights:
        return build.add(layer(**options), *uses)
    if "weight" not in weights:
        raise InputError(f"expected {name} with a weight, got one with {', '.join(weights)} alone")
    return with_weights(build, name, layer, options, uses, weights)


def _bound(name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function by name, those that were left out not among them."""
    if name in POSITIONAL:
        return {**dict(zip(POSITIONAL[name], args)), **keywords}
    return dict(inspect.signature(getattr(functional, name)).bind(*args, **keywords).arguments)


def _draws(name: str, arguments: dict[str, Any]) -> bool:
    """True for a function that draws random numbers in training, as the layer does, and False for never.

    Raises:
        ValueError: it draws in evaluation, too.
    """
    default = inspect.signature(getattr(functional, name)).parameters["training"].default
    training, p = arguments.get("training", default), arguments.get("p")
    if training is True and isinstance(p, ByMode) and p.evaluation == 0:
        arguments["p"] = p.training
    elif training is not False and not isinstance(training, ByMode):
        got = f"{training!r:.60}, which draws in evaluation"
        raise InputError(f"expected training=self.training for {name}, got {got}")
    return training is not False


def _without_draws(build: Builder, layer: type[Module], arguments: dict[str, Any]) -> Name:
    """The layer as it is in evaluation, without random numbers."""
    if layer is nn.RReLU:
        slope = (arguments.get("lower", 1 / 8) + arguments.get("upper", 1 / 3)) / 2
        return build.add(nn.LeakyReLU(slope), arguments["input"])
    return build.add(nn.Identity(), arguments["input"])


@operation("normalize")
def normalize(build: Builder, input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Name:
    length = build.add(nn.Clamp(min=eps), build.add(nn.Norm(p, dim, keepdim=True), input))
    return build.add(nn.Divide(), input, length)


@operation("interpolate")
def interpolate(
    build: Builder,
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Name:
    if antialias:
        raise InputError("expected interpolate without antialias, got antialias=True")
    return build.add(
        nn.Upsample(constant(size, "size"), scale_factor, mode, align_corners, recompute_scale_factor), input
    )


PADS = {
    "constant": "ConstantPad",
    "reflect": "ReflectionPad",
    "replicate": "ReplicationPad",
    "circular": "CircularPad",
}


@operation("pad")
def pad(build: Builder, input: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Name:
    ends = tuple(constant(pad, "pad"))
    layer = getattr(nn, f"{PADS[mode]}{len(ends) // 2}d")
    return build.add(layer(ends, value or 0.0) if mode == "constant" else layer(ends), input)


@operation("scaled_dot_product_attention")
def attention(
    build: Builder,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float | ByMode = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Name:
    if enable_gqa:
        raise InputError("expected attention without enable_gqa, got enable_gqa=True")
    factor = scale if scale is not None else build.add(nn.Power(), build.add(nn.Size(-1), query), -0.5)
    product = build.add(nn.MatMul(), query, build.add(nn.Transpose(-2, -1), key))
    scores = build.add(nn.Multiply(), product, factor)
    if is_causal:
        rows = build.add(nn.Arange(), query, build.add(nn.Size(-2), query))
        columns = build.add(nn.Arange(), key, build.add(nn.Size(-2), key))
        later = build.add(nn.Compare(">"), columns, build.add(nn.Unsqueeze(1), rows))
        scores = build.add(nn.MaskedFill(float("-inf")), scores, later)
    if attn_mask is not None:
        if not isinstance(attn_mask, Attribute):
            raise InputError("expected attn_mask to be a buffer, whose dtype is known")
        if attn_mask.value.dtype == torch.bool:
            hidden = build.add(nn.Compare("=="), attn_mask, False)
            scores = build.add(nn.MaskedFill(float("-inf")), scores, hidden)
        else:
            scores = build.add(nn.Add(), scores, attn_mask)
    weights = build.add(nn.Softmax(-1), scores)
    if isinstance(dropout_p, ByMode) and dropout_p.evaluation == 0:
        weights = build.add(nn.Dropout(dropout_p.training), weights)
    elif dropout_p != 0:
        raise InputError(f"expected dropout_p of 0 in evaluation, got {dropout_p}")
    return build.add(nn.MatMul(), weights, value)
