"""Random configurations of layers whose windows slide along one to three axes, and of padding."""

from __future__ import annotations

import math
from typing import Any

import torch

from fuzz.configuration import Configuration
from fuzz.draw import Draw
from fuzz.layers import Make, configured, optional

PADDING = ("Constant", "Zero", "Reflection", "Replication", "Circular")


def each(draw: Draw, axes: int, *values: int) -> int | tuple[int, ...]:
    """One number for all axes, or one for each."""
    return draw.one(draw.one(*values), tuple(draw.one(*values) for _ in range(axes)))


def sizes(draw: Draw, axes: int, *most: int) -> tuple[int, ...]:
    return tuple(draw.one(0, 1, 2, 3, 4, *most) for _ in range(axes))


def signals(draw: Draw, axes: int, channels: int) -> tuple[int, ...]:
    """The shape of a batch of signals, images or volumes, or of a single one."""
    batch = [draw.one(0, 1, 2, 3)] if draw.chance(0.8) else []
    return (*batch, channels, *sizes(draw, axes, *(() if axes == 3 else (5, 8))))


def conv(axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        groups = draw.one(1, 1, 1, 2, 3)
        inputs, outputs = groups * draw.one(1, 1, 2), groups * draw.one(1, 1, 2, 3)
        padding = draw.one("same", "valid", each(draw, axes, 0, 1, 2), each(draw, axes, 0, 1, 2))
        arguments = optional(
            draw,
            stride=1 if padding == "same" and draw.chance(0.9) else each(draw, axes, 1, 1, 2, 3),
            padding=padding,
            dilation=each(draw, axes, 1, 1, 2),
            groups=groups,
            bias=draw.chance(0.5),
            padding_mode=draw.one("zeros", "zeros", "reflect", "replicate", "circular"),
        )
        kernel = each(draw, axes, 1, 2, 3)
        channels = {"in_channels": inputs, "out_channels": outputs, "kernel_size": kernel}
        return configured(draw, f"Conv{axes}d", signals(draw, axes, inputs), **channels, **arguments)

    return make


def conv_transpose(axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        groups = draw.one(1, 1, 1, 2, 3)
        inputs, outputs = groups * draw.one(1, 1, 2), groups * draw.one(1, 1, 2, 3)
        arguments = optional(
            draw,
            stride=each(draw, axes, 1, 1, 2, 3),
            padding=each(draw, axes, 0, 0, 1, 2),
            output_padding=each(draw, axes, 0, 0, 1),
            groups=groups,
            bias=draw.chance(0.5),
            dilation=each(draw, axes, 1, 1, 2),
        )
        kernel = each(draw, axes, 1, 2, 3)
        channels = {"in_channels": inputs, "out_channels": outputs, "kernel_size": kernel}
        return configured(draw, f"ConvTranspose{axes}d", signals(draw, axes, inputs), **channels, **arguments)

    return make


def max_pool(axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        arguments = optional(
            draw,
            stride=draw.one(None, each(draw, axes, 1, 2, 3)),
            padding=each(draw, axes, 0, 0, 1),
            return_indices=draw.chance(0.5),
            ceil_mode=draw.chance(0.5),
        )
        shape = signals(draw, axes, draw.one(0, 1, 2, 3))
        return configured(draw, f"MaxPool{axes}d", shape, kernel_size=each(draw, axes, 1, 2, 3), **arguments)

    return make


def avg_pool(axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        arguments = optional(
            draw,
            stride=draw.one(None, each(draw, axes, 1, 2, 3)),
            padding=each(draw, axes, 0, 0, 1),
            ceil_mode=draw.chance(0.5),
            count_include_pad=draw.chance(0.5),
        )
        if axes > 1:
            arguments |= optional(draw, divisor_override=draw.one(None, None, 1, 2, 7))
        shape = signals(draw, axes, draw.one(0, 1, 2, 3))
        return configured(draw, f"AvgPool{axes}d", shape, kernel_size=each(draw, axes, 1, 2, 3), **arguments)

    return make


def lp_pool(axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        arguments = optional(
            draw, stride=draw.one(None, each(draw, axes, 1, 2, 3)), ceil_mode=draw.chance(0.5)
        )
        kernel = draw.one(1, 2, 3) if axes == 1 else each(draw, axes, 1, 2, 3)
        arguments |= {"norm_type": draw.one(1, 2, 2, 3, 4.0), "kernel_size": kernel}
        return configured(draw, f"LPPool{axes}d", signals(draw, axes, draw.one(1, 2, 3)), **arguments)

    return make


def adaptive(name: str, axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        size = each(draw, axes, 1, 2, 3, 5)
        if isinstance(size, tuple) and axes > 1 and draw.chance(0.3):
            size = (None, *size[1:])  # type: ignore[assignment]
        arguments: dict[str, Any] = {"output_size": size}
        if name == "AdaptiveMaxPool":
            arguments |= optional(draw, return_indices=draw.chance(0.5))
        return configured(draw, f"{name}{axes}d", signals(draw, axes, draw.one(1, 2, 3)), **arguments)

    return make


def pad(kind: str, axes: int) -> Make:
    def make(draw: Draw) -> Configuration:
        ends = draw.one(draw.one(0, 1, 2), tuple(draw.one(-1, 0, 0, 1, 2) for _ in range(2 * axes)))
        arguments: dict[str, Any] = {"padding": ends}
        if kind == "Constant":
            arguments["value"] = draw.one(0, -1.5, 3.0)
        return configured(draw, f"{kind}Pad{axes}d", signals(draw, axes, draw.one(0, 1, 2, 3)), **arguments)

    return make


def unfold(draw: Draw) -> Configuration:
    arguments = windows(draw)
    return configured(draw, "Unfold", signals(draw, 2, draw.one(1, 2, 3)), **arguments)


def windows(draw: Draw) -> dict[str, Any]:
    return {
        "kernel_size": each(draw, 2, 1, 2, 3),
        **optional(
            draw, dilation=each(draw, 2, 1, 1, 2), padding=each(draw, 2, 0, 0, 1), stride=each(draw, 2, 1, 2)
        ),
    }


def fold(draw: Draw) -> Configuration:
    """Columns that are seldom not of the right number."""
    size, arguments = (draw.one(1, 2, 3, 5), draw.one(2, 3, 4)), windows(draw)

    def both(name: str, default: int) -> tuple[int, ...]:
        value = arguments.get(name, default)
        return value if isinstance(value, tuple) else (value, value)

    numbers = zip(size, both("kernel_size", 1), both("dilation", 1), both("padding", 0), both("stride", 1))
    columns = math.prod(max(0, (n + 2 * p - d * (k - 1) - 1) // s + 1) for n, k, d, p, s in numbers)
    rows = draw.one(1, 2) * math.prod(both("kernel_size", 1))
    batch = [draw.one(0, 1, 2, 3)] if draw.chance(0.8) else []
    return configured(draw, "Fold", (*batch, rows, columns), output_size=size, **arguments)


def upsample(draw: Draw) -> Configuration:
    axes, modes = draw.one((1, ["linear"]), (2, ["bilinear", "bicubic"]), (3, ["trilinear"]))
    mode = draw.one(*modes, "nearest", "nearest-exact", "area")
    arguments: dict[str, Any] = {"mode": mode}
    if draw.chance(0.5):
        arguments["size"] = each(draw, axes, 1, 2, 3, 5, 7)
    else:
        arguments["scale_factor"] = draw.one(0.5, 1.0, 2.0, 3, 1.5, 0.4)
    if mode in ("linear", "bilinear", "bicubic", "trilinear"):
        arguments |= optional(draw, align_corners=draw.one(None, True, False))
    return configured(draw, "Upsample", signals(draw, axes, draw.one(1, 2, 3)), **arguments)


def upsampling(name: str) -> Make:
    def make(draw: Draw) -> Configuration:
        chosen = draw.one({"size": each(draw, 2, 1, 2, 5)}, {"scale_factor": draw.one(1, 2, 3)})
        return configured(draw, name, signals(draw, 2, draw.one(1, 2, 3)), **chosen)

    return make


def unpool(axes: int) -> Make:
    """Elements that go to places of their own: of two at one, either would stay."""

    def make(draw: Draw) -> Configuration:
        stride, kernel = each(draw, axes, 1, 2, 3), each(draw, axes, 1, 2, 3)
        arguments = optional(draw, stride=stride, padding=each(draw, axes, 0, 0, 0, 1))
        made = configured(draw, f"MaxUnpool{axes}d", signals(draw, axes, draw.one(0, 1, 2)), **arguments)
        made.arguments["kernel_size"] = kernel
        shape = made.inputs[0].shape
        numbers = [
            (value,) * axes if isinstance(value, int) else value
            for value in (arguments.get("stride", kernel), arguments.get("padding", 0), kernel)
        ]
        sizes = shape[-axes:]
        usual = [(n - 1) * s - 2 * p + k for n, s, p, k in zip(sizes, *numbers)]
        size = [new + draw.one(0, 0, -1, 1) for new in usual]
        if draw.chance(0.5):
            made.options["output_size"] = tuple(size)
        room, count = math.prod(size if made.options else usual), math.prod(sizes)
        order = torch.rand(*shape[:-axes], max(room, count), generator=draw.generator).argsort(-1)
        made.inputs = made.inputs[0], order[..., :count].reshape(shape)
        return made

    return make


def fractional(axes: int) -> Make:
    """Of samples that give the same windows in every precision, for inputs that have room for them."""

    def make(draw: Draw) -> Configuration:
        size = draw.one(
            {"output_size": each(draw, axes, 1, 2, 3)}, {"output_ratio": each(draw, axes, 0.3, 0.4, 0.5)}
        )
        batch, channels = draw.one((), (1,), (2,)), draw.one(1, 2)
        samples = torch.tensor([0.05, 0.3, 0.55, 0.85], dtype=torch.float64)
        samples = samples[draw.whole(0, 3, (*(batch or (1,)), channels, axes))]
        shape = (*batch, channels, *(draw.one(5, 6, 8) for _ in range(axes)))
        arguments = {
            "kernel_size": each(draw, axes, 1, 2),
            **size,
            **optional(draw, return_indices=draw.chance(0.5)),
        }
        made = configured(draw, f"FractionalMaxPool{axes}d", shape, **arguments)
        made.arguments["_random_samples"] = samples.to(made.dtype)
        return made

    return make


WINDOWS: dict[str, Make] = {
    **{f"Conv{axes}d": conv(axes) for axes in (1, 3)},
    **{f"ConvTranspose{axes}d": conv_transpose(axes) for axes in (1, 2, 3)},
    **{f"MaxPool{axes}d": max_pool(axes) for axes in (1, 3)},
    **{f"AvgPool{axes}d": avg_pool(axes) for axes in (1, 2, 3)},
    **{f"LPPool{axes}d": lp_pool(axes) for axes in (1, 2, 3)},
    **{
        f"{name}{axes}d": adaptive(name, axes)
        for name in ("AdaptiveAvgPool", "AdaptiveMaxPool")
        for axes in (1, 2, 3)
    },
    **{f"MaxUnpool{axes}d": unpool(axes) for axes in (1, 2, 3)},
    **{f"FractionalMaxPool{axes}d": fractional(axes) for axes in (2, 3)},
    **{f"{kind}Pad{axes}d": pad(kind, axes) for kind in PADDING for axes in (1, 2, 3)},
    "Fold": fold,
    "Unfold": unfold,
    "Upsample": upsample,
    **{name: upsampling(name) for name in ("UpsamplingNearest2d", "UpsamplingBilinear2d")},
}
