"""The functions of torch.nn.functional, as nodes of a graph."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch.nn import functional

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.interop.tracing.builder import Attribute, Builder, Name, constant
from plaingrad.interop.tracing.operations import operation
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
WEIGHTS = ("weight", "bias", "running_mean", "running_var")

# Arguments of functions that follow from the module's mode, or change no result.
IGNORED = {"training", "inplace", "size_average", "reduce", "use_input_stats"}


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
    options, uses, weights = {}, [], {}
    for key, value in arguments.items():
        if key in IGNORED or key.startswith("_") or (key not in constructor and value is None):
            continue
        if key in WEIGHTS and not (issubclass(layer, Reduction) and key in constructor):
            weights[key] = value
        elif key in constructor:
            options[key] = value.tensor if isinstance(value, Attribute) else constant(value, key)
        elif isinstance(value, (Name, Attribute)):
            uses.append(value)
        else:
            raise InputError(f"expected no {key} for {name}, got {value!r:.60}")
    if not weights:
        return build.add(layer(**options), *uses)
    return _with_weights(build, name, layer, options, uses, weights)


def _bound(name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function by name, those that were left out not among them."""
    if name in POSITIONAL:
        return {**dict(zip(POSITIONAL[name], args)), **keywords}
    return dict(inspect.signature(getattr(functional, name)).bind(*args, **keywords).arguments)


def _with_weights(
    build: Builder,
    name: str,
    layer: type[Module],
    options: dict[str, Any],
    uses: list[Any],
    weights: dict[str, Any],
) -> Name:
    """A module that holds the weights which the function was called with, under their own names."""
    paths = {key: value.path for key, value in weights.items() if isinstance(value, Attribute)}
    prefixes = {path.rpartition(".")[0] for path in paths.values()}
    named_alike = all(path.rpartition(".")[2] == key for key, path in paths.items())
    if len(paths) < len([value for value in weights.values() if value is not None]) or len(prefixes) > 1:
        return _by_parts(build, name, options, uses, weights)
    if not named_alike or not all(
        isinstance(value.tensor, torch.nn.Parameter) for value in weights.values() if value
    ):
        return _by_parts(build, name, options, uses, weights)
    tensors = {key: value.tensor for key, value in weights.items() if value is not None}
    (prefix,) = prefixes
    make = functools.partial(_holding, layer, options, tensors)
    return build.add(build.module(prefix, make, tensors.items()), *uses)


def _holding(layer: Any, options: dict[str, Any], tensors: dict[str, Any]) -> Module:
    """A module of sizes that follow from its weights, with copies of these."""
    weight, has_bias = tensors["weight"], "bias" in tensors
    sizes: dict[type[Module], tuple[Any, ...]] = {
        nn.Linear: (weight.shape[-1], weight.shape[0]),
        nn.Embedding: tuple(weight.shape),
        nn.Bilinear: (weight.shape[1], weight.shape[2], weight.shape[0]) if weight.ndim == 3 else (),
    }
    groups = options.get("groups", 1)
    for convolution in (nn.Conv1d, nn.Conv2d, nn.Conv3d):
        sizes[convolution] = (
            (weight.shape[1] * groups, weight.shape[0], tuple(weight.shape[2:])) if weight.ndim > 1 else ()
        )
    if layer is nn.GroupNorm:
        options = {**options, "num_channels": weight.shape[0]}
    bias = {} if layer in (nn.Embedding, nn.RMSNorm) else {"bias": has_bias}
    module = layer(*sizes.get(layer, ()), **options, **bias, dtype=weight.dtype)
    module.load_state_dict({name: tensor.detach() for name, tensor in tensors.items()})
    for name, tensor in tensors.items():
        dict(module.named_parameters())[name].frozen = not tensor.requires_grad
    return module


def _by_parts(
    build: Builder, name: str, options: dict[str, Any], uses: list[Any], weights: dict[str, Any]
) -> Name:
    """The function of weights that are no parameters of one module under these names."""
    weight, bias = weights["weight"], weights.get("bias")
    if name == "linear":
        product = build.add(nn.MatMul(), *uses, build.add(nn.Transpose(0, 1), weight))
        return product if bias is None else build.add(nn.Add(), product, bias)
    if name == "embedding" and not options:
        return build.add(nn.Select(), weight, *uses)
    if name == "layer_norm":
        y = build.add(nn.LayerNorm(**options, elementwise_affine=False), *uses)
        y = y if weight is None else build.add(nn.Multiply(), y, weight)
        return y if bias is None else build.add(nn.Add(), y, bias)
    raise InputError(f"expected the weights of {name} to be parameters 'weight' and 'bias' of one module")


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
    dropout_p: float = 0.0,
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
        if attn_mask.tensor.dtype == torch.bool:
            hidden = build.add(nn.Compare("=="), attn_mask, False)
            scores = build.add(nn.MaskedFill(float("-inf")), scores, hidden)
        else:
            scores = build.add(nn.Add(), scores, attn_mask)
    weights = build.add(nn.Softmax(-1), scores)
    weights = build.add(nn.Dropout(dropout_p), weights) if dropout_p else weights
    return build.add(nn.MatMul(), weights, value)
