"""Random configurations of layers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch

from fuzz.configuration import Configuration
from fuzz.draw import DTYPES, KINDS, Draw

Make = Callable[[Draw], Configuration]


def configured(
    draw: Draw,
    name: str,
    shape: tuple[int, ...],
    is_local: bool = False,
    training: bool | None = None,
    **arguments: Any,
) -> Configuration:
    """A configuration with one floating-point input, of a shape that is seldom not the right one."""
    dtype, kind = draw.one(*DTYPES), draw.one(*KINDS)
    if draw.chance(0.03):
        shape = draw.shape()
    x = draw.tensor(shape, dtype, kind)
    if draw.chance(0.01):
        x = x.to(draw.one(torch.int64, torch.float64, torch.float16, torch.complex64, torch.bool))
    training = draw.chance(0.5) if training is None else training
    return Configuration(name, arguments, (x,), dtype, kind, training, is_local)


def optional(draw: Draw, **values: Any) -> dict[str, Any]:
    """Some of the arguments; the others keep their defaults."""
    return {name: value for name, value in values.items() if draw.chance(0.7)}


def elementwise(name: str, arguments: Callable[[Draw], dict[str, Any]] = lambda draw: {}) -> Make:
    """A class that takes each element for itself."""
    return lambda draw: configured(draw, name, draw.shape(), is_local=True, **arguments(draw))


def along_an_axis(name: str, is_even: bool = False) -> Make:
    def make(draw: Draw) -> Configuration:
        shape, arguments = list(draw.shape()), optional(draw, dim=draw.random.randint(-4, 3))
        dim = arguments.get("dim", -1)
        if is_even and -len(shape) <= dim < len(shape) and draw.chance(0.9):
            shape[dim] *= 2
        return configured(draw, name, tuple(shape), **arguments)

    return make


def prelu(draw: Draw) -> Configuration:
    count = draw.one(1, draw.size())
    shape = draw.shape()
    if len(shape) > 1 and count != 1:
        shape = (shape[0], count, *shape[2:])
    return configured(draw, "PReLU", shape, **optional(draw, num_parameters=count, init=draw.number(-1, 1)))


def rrelu(draw: Draw) -> Configuration:
    """In evaluation, where nothing is random."""
    arguments = optional(draw, lower=draw.number(-0.5, 0.1), upper=draw.number(0.34, 1))
    return configured(draw, "RReLU", draw.shape(), is_local=True, training=False, **arguments)


def dropout(name: str, least: int = 0, most: int = 4) -> Make:
    """A class that takes inputs with so many axes, where nothing is random."""

    def make(draw: Draw) -> Configuration:
        training = draw.chance(0.5)
        p = draw.one(0.0, 1.0) if training else draw.one(0.0, 0.3, 1.0, -0.1, 1.5)
        return configured(draw, name, draw.shape(least, most), is_local=True, training=training, p=p)

    return make


def linear(draw: Draw) -> Configuration:
    inputs, outputs = draw.size(), draw.size()
    arguments = {"in_features": inputs, "out_features": outputs, **optional(draw, bias=draw.chance(0.5))}
    return configured(draw, "Linear", (*draw.shape(most=3), inputs), **arguments)


def channels_and_more(draw: Draw, axes: int) -> tuple[int, ...]:
    """A number of channels, and so many axes behind them, shorter ones where there are more."""
    return draw.size(), *[min(draw.size(), 19 // axes**2) if axes > 1 else draw.size() for _ in range(axes)]


def channel_norm(draw: Draw, name: str, *axes: int) -> Configuration:
    """A norm with so many axes behind the channels."""
    shape = channels_and_more(draw, draw.one(*axes))
    batch = (draw.size(),) if name.startswith(("Batch", "Sync")) or draw.chance(0.7) else ()
    arguments = optional(
        draw,
        eps=draw.one(1e-5, 1e-3, 0.0, 1.0),
        momentum=draw.one(None, 0.0, 0.1, 1.0),
        affine=draw.chance(0.5),
        track_running_stats=draw.chance(0.5),
        bias=draw.chance(0.5),
    )
    return configured(draw, name, (*batch, *shape), num_features=shape[0], **arguments)


def layer_norm(draw: Draw) -> Configuration:
    sizes = tuple(draw.size() for _ in range(draw.random.randint(1, 2)))
    arguments = optional(
        draw, eps=draw.one(1e-5, 1e-3, 0.0, 1.0), elementwise_affine=draw.chance(0.5), bias=draw.chance(0.5)
    )
    given = sizes[0] if len(sizes) == 1 and draw.chance(0.5) else sizes
    return configured(draw, "LayerNorm", (*draw.shape(most=2), *sizes), normalized_shape=given, **arguments)


def group_norm(draw: Draw) -> Configuration:
    groups = draw.one(1, 1, 2, 3, 4)
    channels, *rest = channels_and_more(draw, draw.one(0, 1, 2))
    channels = groups * min(channels, 5) if draw.chance(0.97) else channels
    arguments = optional(draw, eps=draw.one(1e-5, 1e-3, 1.0), affine=draw.chance(0.5), bias=draw.chance(0.5))
    sizes = {"num_groups": groups, "num_channels": channels}
    return configured(draw, "GroupNorm", (draw.size(), channels, *rest), **sizes, **arguments)


def rms_norm(draw: Draw) -> Configuration:
    sizes = tuple(draw.size() for _ in range(draw.random.randint(1, 2)))
    arguments = optional(draw, eps=draw.one(None, 1e-3, 1.0), elementwise_affine=draw.chance(0.5))
    return configured(draw, "RMSNorm", (*draw.shape(most=2), *sizes), normalized_shape=sizes, **arguments)


def response_norm(draw: Draw, name: str, least: int, most: int) -> Configuration:
    arguments = optional(draw, alpha=draw.one(1e-4, 0.5), beta=draw.one(0.75, 0.5, 2.0), k=draw.one(1.0, 0.1))
    shape = draw.shape(least=least, most=most)
    return configured(draw, name, shape, size=draw.one(1, 2, 3, 4, 5), **arguments)


def pair(draw: Draw, *values: int) -> int | tuple[int, int]:
    return draw.one(draw.one(*values), (draw.one(*values), draw.one(*values)))


def image(draw: Draw, channels: int) -> tuple[int, ...]:
    batch = [draw.one(0, 1, 2, 3)] if draw.chance(0.8) else []
    return (*batch, channels, draw.one(0, 1, 2, 3, 5, 8), draw.one(1, 2, 3, 4, 6))


def conv(draw: Draw) -> Configuration:
    groups = draw.one(1, 1, 1, 2, 3)
    inputs, outputs = groups * draw.one(0, 1, 1, 2), groups * draw.one(1, 1, 2, 3)
    padding = draw.one("same", "valid", pair(draw, 0, 1, 2), pair(draw, 0, 1, 2))
    arguments = optional(
        draw,
        stride=1 if padding == "same" and draw.chance(0.9) else pair(draw, 1, 1, 2, 3),
        padding=padding,
        dilation=pair(draw, 1, 1, 2),
        groups=groups,
        bias=draw.chance(0.5),
        padding_mode=draw.one("zeros", "zeros", "reflect", "replicate", "circular"),
    )
    sizes = {"in_channels": inputs, "out_channels": outputs, "kernel_size": pair(draw, 1, 2, 3, 3)}
    return configured(draw, "Conv2d", image(draw, inputs), **sizes, **arguments)


def max_pool(draw: Draw) -> Configuration:
    arguments = optional(
        draw,
        stride=draw.one(None, pair(draw, 1, 2, 3)),
        padding=pair(draw, 0, 0, 1),
        dilation=pair(draw, 1, 1, 2),
        return_indices=draw.chance(0.5),
        ceil_mode=draw.chance(0.5),
    )
    shape, kernel = image(draw, draw.one(0, 1, 2, 3)), pair(draw, 1, 2, 3)
    chosen = configured(draw, "MaxPool2d", shape, kernel_size=kernel, **arguments)
    if any(size < 2 for size in chosen.inputs[0].shape[-2:]):
        # Where a window steps over the whole input, which we refuse, torch.nn writes outside its memory.
        chosen.arguments.pop("dilation", None)
    return chosen


def with_second(draw: Draw, first: Configuration, shape: tuple[int, ...]) -> Configuration:
    """The configuration with another differentiable input."""
    second = draw.tensor(shape, first.inputs[0].dtype if draw.chance(0.99) else torch.float64, first.kind)
    first.inputs = (*first.inputs, second)
    return first


def bilinear(draw: Draw) -> Configuration:
    features, batch = (draw.size(least=draw.one(0, 1, 1)), draw.size()), draw.shape(most=2)
    arguments = {"in1_features": features[0], "in2_features": features[1], "out_features": draw.size()}
    arguments |= optional(draw, bias=draw.chance(0.5))
    return with_second(
        draw, configured(draw, "Bilinear", (*batch, features[0]), **arguments), (*batch, features[1])
    )


def pair_of_vectors(draw: Draw, name: str, least: int, **arguments: Any) -> Configuration:
    shape = draw.shape(least=least, most=3)
    sizes = [tuple(1 if draw.chance(0.2) else size for size in shape) for _ in range(2)]
    return with_second(draw, configured(draw, name, sizes[0], **arguments), sizes[1])


def cosine(draw: Draw) -> Configuration:
    dim = draw.random.randint(-2, 1)
    arguments = optional(draw, dim=dim, eps=draw.one(1e-8, 1e-3))
    return pair_of_vectors(draw, "CosineSimilarity", draw.one(2, 2, 1), **arguments)


def distance(draw: Draw) -> Configuration:
    p = draw.one(0.0, 0.5, 1.0, 1.5, 2.0, 2.0, 3.0, math.inf, -math.inf)
    arguments = optional(draw, p=p, eps=draw.one(0.0, 1e-6, 0.1), keepdim=draw.chance(0.5))
    return pair_of_vectors(draw, "PairwiseDistance", 0, **arguments)


def embedding(draw: Draw) -> Configuration:
    words = draw.size(least=draw.one(0, 1, 1, 1))
    arguments = optional(
        draw,
        padding_idx=draw.one(None, draw.random.randint(-words - 1, words)),
        max_norm=draw.one(None, None, 0.5, 2.0),
        norm_type=draw.one(1.0, 2.0, 3.5, float("inf")),
        scale_grad_by_freq=draw.chance(0.5),
    )
    last = max(words - 1, 0) + draw.chance(0.02)
    x = draw.whole(0, last, draw.shape(most=3)).to(
        draw.one(torch.int64, torch.int64, torch.int32, torch.int16)
    )
    arguments = {"num_embeddings": words, "embedding_dim": draw.size(), **arguments}
    return Configuration("Embedding", arguments, (x,), draw.one(*DTYPES), draw.one(*KINDS), draw.chance(0.5))


def embedding_bag(draw: Draw) -> Configuration:
    words, mode = draw.size(least=1), draw.one("sum", "mean", "max")
    arguments = optional(
        draw,
        padding_idx=draw.one(None, draw.random.randint(-words, words - 1)),
        max_norm=draw.one(None, None, 0.5, 2.0),
        norm_type=draw.one(1.0, 2.0, 3.5, float("inf")),
        include_last_offset=draw.chance(0.5),
    )
    if draw.chance(0.4):
        inputs = (draw.whole(0, words - 1, (draw.size(), draw.size(least=1))),)
    else:
        sizes = torch.tensor([min(draw.size(), 7) for _ in range(draw.random.randint(1, 5))])
        x = draw.whole(0, words - 1, (int(sizes.sum()),))
        ends = sizes.cumsum(0)
        inputs = (x, ends if arguments.get("include_last_offset") else ends[:-1])
        inputs = (x, torch.cat([ends.new_zeros(1), inputs[1]]))
    arguments = {"num_embeddings": words, "embedding_dim": draw.size(), "mode": mode, **arguments}
    return Configuration(
        "EmbeddingBag", arguments, inputs, draw.one(*DTYPES), draw.one(*KINDS), draw.chance(0.5)
    )


def flatten(draw: Draw) -> Configuration:
    dims = optional(draw, start_dim=draw.random.randint(-4, 3), end_dim=draw.random.randint(-4, 3))
    return configured(draw, "Flatten", draw.shape(), **dims)


def unflatten(draw: Draw) -> Configuration:
    shape, parts = list(draw.shape(least=1, most=3)), [draw.size() for _ in range(draw.random.randint(1, 3))]
    dim = draw.random.randrange(len(shape))
    shape[dim] = math.prod(min(size, 7) for size in parts)
    parts = [min(size, 7) for size in parts]
    if draw.chance(0.3):
        parts[0] = -1
    dim -= len(shape) * draw.chance(0.5)
    return configured(draw, "Unflatten", tuple(shape), dim=dim, unflattened_size=tuple(parts))


def pixels(draw: Draw, name: str, argument: str, channels: int, size: int) -> Configuration:
    """An input of which a power of the factor divides the channels, another the rows and columns."""
    r, batch = draw.one(1, 2, 3), [draw.one(0, 1, 2, 3) for _ in range(draw.random.randint(0, 2))]
    image = [draw.one(0, 1, 2, 3) * r**power for power in (channels, size, size)]
    return configured(draw, name, (*batch, *image), **{argument: r})


def channel_shuffle(draw: Draw) -> Configuration:
    groups, (channels, *rest) = draw.one(1, 2, 3, 5), channels_and_more(draw, draw.one(1, 2, 3))
    return configured(draw, "ChannelShuffle", (draw.size(), groups * channels, *rest), groups=groups)


def slope(low: float, high: float, name: str) -> Callable[[Draw], dict[str, Any]]:
    return lambda draw: optional(draw, **{name: draw.number(low, high)})


LAYERS: dict[str, Make] = {
    **{
        name: elementwise(name)
        for name in (
            *(
                "ReLU",
                "ReLU6",
                "Sigmoid",
                "LogSigmoid",
                "Hardsigmoid",
                "SiLU",
                "Hardswish",
                "Tanh",
                "Tanhshrink",
            ),
            *("SELU", "Mish", "Softsign", "Identity"),
        )
    },
    "LeakyReLU": elementwise("LeakyReLU", slope(-1, 1, "negative_slope")),
    "ELU": elementwise("ELU", slope(-2, 2, "alpha")),
    "CELU": elementwise("CELU", slope(-2, 2, "alpha")),
    "GELU": elementwise("GELU", lambda draw: optional(draw, approximate=draw.one("none", "tanh"))),
    "Softshrink": elementwise("Softshrink", slope(0, 2, "lambd")),
    "Hardshrink": elementwise("Hardshrink", slope(-1, 2, "lambd")),
    "Softplus": elementwise(
        "Softplus", lambda draw: optional(draw, beta=draw.number(-2, 3), threshold=draw.number(-2, 20))
    ),
    "Hardtanh": elementwise(
        "Hardtanh", lambda draw: optional(draw, min_val=draw.number(-2, 0), max_val=draw.number(-1, 2))
    ),
    "Threshold": elementwise(
        "Threshold", lambda draw: {"threshold": draw.number(-1, 1), "value": draw.number(-2, 2)}
    ),
    "PReLU": prelu,
    "RReLU": rrelu,
    "GLU": along_an_axis("GLU", is_even=True),
    "Softmax": along_an_axis("Softmax"),
    "Softmin": along_an_axis("Softmin"),
    "LogSoftmax": along_an_axis("LogSoftmax"),
    "Softmax2d": lambda draw: configured(draw, "Softmax2d", draw.shape(least=2)),
    "Dropout": dropout("Dropout"),
    "Dropout1d": dropout("Dropout1d", 2, 3),
    "Dropout2d": dropout("Dropout2d", 3, 4),
    "Dropout3d": dropout("Dropout3d", 4, 5),
    "AlphaDropout": dropout("AlphaDropout"),
    "FeatureAlphaDropout": dropout("FeatureAlphaDropout"),
    "Linear": linear,
    "Bilinear": bilinear,
    "CosineSimilarity": cosine,
    "PairwiseDistance": distance,
    "BatchNorm1d": lambda draw: channel_norm(draw, "BatchNorm1d", 0, 1),
    "BatchNorm2d": lambda draw: channel_norm(draw, "BatchNorm2d", 2),
    "BatchNorm3d": lambda draw: channel_norm(draw, "BatchNorm3d", 3),
    "SyncBatchNorm": lambda draw: channel_norm(draw, "SyncBatchNorm", 0, 1, 2),
    "InstanceNorm1d": lambda draw: channel_norm(draw, "InstanceNorm1d", 1),
    "InstanceNorm2d": lambda draw: channel_norm(draw, "InstanceNorm2d", 2),
    "InstanceNorm3d": lambda draw: channel_norm(draw, "InstanceNorm3d", 3),
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "RMSNorm": rms_norm,
    "LocalResponseNorm": lambda draw: response_norm(draw, "LocalResponseNorm", 3, 5),
    "CrossMapLRN2d": lambda draw: response_norm(draw, "CrossMapLRN2d", 4, 4),
    "Conv2d": conv,
    "MaxPool2d": max_pool,
    "Embedding": embedding,
    "EmbeddingBag": embedding_bag,
    "Flatten": flatten,
    "Unflatten": unflatten,
    "PixelShuffle": lambda draw: pixels(draw, "PixelShuffle", "upscale_factor", 2, 0),
    "PixelUnshuffle": lambda draw: pixels(draw, "PixelUnshuffle", "downscale_factor", 0, 1),
    "ChannelShuffle": channel_shuffle,
}
