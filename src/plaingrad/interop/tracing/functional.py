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
from plaingrad.interop.tracing.builder import Attribute, Builder, ByMode, Name, constant
from plaingrad.interop.tracing.operations import operation
from plaingrad.module import Module
from plaingrad.nn.convolution.conv import Convolution
from plaingrad.nn.convolution.transposed import TransposedConvolution
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

# Arguments of functions that follow from the layer, or change no result.
IGNORED = {"inplace", "size_average", "reduce", "use_input_stats"}

RANDOM = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)

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
    if "training" in arguments or layer in (*RANDOM, nn.RReLU):
        default = inspect.signature(getattr(functional, name)).parameters["training"].default
        training = arguments.pop("training", default)
        if training is False:  # in both modes
            return _without_draws(build, layer, arguments)
        p = arguments.get("p")
        if training is True and isinstance(p, ByMode) and p.evaluation == 0:
            arguments["p"] = p.training
        elif not isinstance(training, ByMode):
            raise InputError(
                f"expected training=self.training for {name}, got {training!r:.60}, which draws in evaluation"
            )
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
    if not weights:
        return build.add(layer(**options), *uses)
    return _with_weights(build, name, layer, options, uses, weights)


def _bound(name: str, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a function by name, those that were left out not among them."""
    if name in POSITIONAL:
        return {**dict(zip(POSITIONAL[name], args)), **keywords}
    return dict(inspect.signature(getattr(functional, name)).bind(*args, **keywords).arguments)


def _without_draws(build: Builder, layer: type[Module], arguments: dict[str, Any]) -> Name:
    """What a layer with random numbers computes in evaluation."""
    if layer is nn.RReLU:
        slope = (arguments.get("lower", 1 / 8) + arguments.get("upper", 1 / 3)) / 2
        return build.add(nn.LeakyReLU(slope), arguments["input"])
    return build.add(nn.Identity(), arguments["input"])


def _with_weights(
    build: Builder,
    name: str,
    layer: type[Module],
    options: dict[str, Any],
    uses: list[Any],
    weights: dict[str, Any],
) -> Name:
    """A layer with the weights that the function was called with.

    It holds them itself where they are the parameters of one module under these names.
    """
    weights = {key: value for key, value in weights.items() if value is not None}
    if name == "linear" and any(value.value is None for value in weights.values()):  # of any shape
        product = build.add(nn.MatMul(), *uses, build.add(nn.Transpose(0, 1), weights["weight"]))
        return build.add(nn.Add(), product, weights["bias"]) if "bias" in weights else product
    tensors = {key: value.value for key, value in weights.items()}
    for key, tensor in tensors.items():
        if tensor is None:
            raise InputError(
                f"expected the {key} of {name} to be computed from parameters and buffers alone, "
                f"got {str(weights[key])!r}"
            )
    make = functools.partial(_holding, layer, options, tensors)
    prefix = _owner(weights)
    if prefix is not None and all(isinstance(tensor, torch.nn.Parameter) for tensor in tensors.values()):
        return build.add(build.module(prefix, make, tensors.items()), *uses)
    return build.add(nn.FunctionalCall(make(), tuple(weights)), *uses, *weights.values())


def _owner(weights: dict[str, Any]) -> str | None:
    """The path of the module whose parameters these are, if it has them under these names."""
    paths = {key: value.path for key, value in weights.items() if isinstance(value, Attribute)}
    prefixes = {path.rpartition(".")[0] for path in paths.values()}
    is_own = len(paths) == len(weights) and len(prefixes) == 1 and "" not in prefixes
    named_alike = all(path.rpartition(".")[2] == key for key, path in paths.items())
    return prefixes.pop() if is_own and named_alike else None


def _holding(layer: Any, options: dict[str, Any], tensors: dict[str, Any]) -> Module:
    """A module of sizes that follow from its weights, with copies of these."""
    weight = tensors["weight"]
    bias = (
        {} if layer in (nn.Embedding, nn.EmbeddingBag, nn.RMSNorm, nn.PReLU) else {"bias": "bias" in tensors}
    )
    if layer is nn.GroupNorm:
        options = {**options, "num_channels": weight.shape[0]}
    module = layer(
        *_sizes(layer, weight.shape, options.get("groups", 1)), **options, **bias, dtype=weight.dtype
    )
    return _with_state(module, tensors)


def _with_state(module: Module, tensors: dict[str, Any]) -> Module:
    """The module with copies of these, as frozen as they are."""
    module.load_state_dict(module.state_dict() | {name: tensor.detach() for name, tensor in tensors.items()})
    for name, parameter in module.named_parameters():
        parameter.frozen = not tensors[name].requires_grad
    return module


def _sizes(layer: type[Module], size: torch.Size, groups: int) -> tuple[Any, ...]:
    """The sizes that a constructor takes first, from that of the weight."""
    if issubclass(layer, Convolution):
        return (size[1] * groups, size[0], tuple(size[2:]))
    if issubclass(layer, TransposedConvolution):
        return (size[0], size[1] * groups, tuple(size[2:]))
    if layer is nn.Linear:
        return (size[1], size[0])
    if layer is nn.Bilinear:
        return (size[1], size[2], size[0])
    if layer in (nn.Embedding, nn.EmbeddingBag):
        return tuple(size)
    return (size.numel(),) if layer is nn.PReLU else ()


@operation("batch_norm")
def batch_norm(
    build: Builder,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: Any = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Name:
    """BatchNorm1d on ``(batch, channels, length)``, which has the same mean as more axes."""
    state = {"weight": weight, "bias": bias, "running_mean": running_mean, "running_var": running_var}
    prefix = _owner({key: value for key, value in state.items() if value is not None})
    if prefix is None or not isinstance(training, ByMode) or running_mean is None or running_var is None:
        raise InputError(
            "expected batch_norm with training=self.training and the weight, bias, running_mean and "
            "running_var of one module"
        )
    tensors = {key: value.value for key, value in state.items() if value is not None}

    def make() -> Module:
        size = running_mean.value.shape[0]
        layer = nn.BatchNorm1d(size, eps, momentum, weight is not None, dtype=running_mean.value.dtype)
        return _with_state(layer, tensors)

    batch, channels = (build.add(nn.Size(axis), input) for axis in (0, 1))
    x = build.add(nn.Reshape(), input, batch, channels, -1)
    y = build.add(build.module(prefix, make, tensors.items()), x)
    return build.add(nn.Reshape(), y, build.add(nn.Size(), input))


@operation("instance_norm")
def instance_norm(
    build: Builder,
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: Any = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Name:
    """InstanceNorm1d on ``(batch * channels, 1, length)``, whose number of channels is known."""
    if not (running_mean is running_var is weight is bias is None and use_input_stats is True):
        raise InputError("expected instance_norm of the input alone, got weights or running statistics")
    rows = build.add(nn.Flatten(0, 1), build.add(nn.Flatten(2), input))
    y = build.add(nn.InstanceNorm1d(1, eps), build.add(nn.Unsqueeze(1), rows))
    return build.add(nn.Reshape(), y, build.add(nn.Size(), input))


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
