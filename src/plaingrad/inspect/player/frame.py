"""The arrays of a frame, and its bytes, as docs/playground_protocol.md describes them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.inspect.player.stages import Stage

Arrays = dict[str, Tensor]

GRID, FINE = 30, 60
"""Points along each side of the map of a unit, and of that of the output."""


def maps(columns: Sequence[Tensor], fine: int, coarse: int) -> Arrays:
    """The map of each unit.

    Args:
        columns: the features and the outputs of each layer at the points of a grid, ``(fine * fine, units)``.
        fine: the points of the grid along each side.
        coarse: those of a map, a divisor of them.
    """
    step = fine // coarse
    units = [each.T.view(-1, fine, fine)[:, ::step, ::step] for each in columns]
    return {"maps": torch.cat([signed(each) for each in units])}


def predicted_classes(outputs: Tensor, are_logits: bool, size: int) -> Arrays:
    """The predicted class at each point of a grid, and its probability."""
    if are_logits:
        share = outputs.softmax(1)
    else:  # one-hot targets: the outputs themselves lie about 0 and 1
        share = outputs.clamp(0, 1) / outputs.clamp(0, 1).sum(1, keepdim=True).clamp(min=1e-12)
    best = outputs.argmax(1)
    confidence = share.gather(1, best[:, None])[:, 0]
    return {
        "output": best.to(torch.uint8).view(size, size),
        "confidence": as_bytes(255 * confidence).view(size, size),
    }


def predicted_numbers(outputs: Tensor, values: tuple[float, float], size: int) -> Arrays:
    """The predicted number at each point of a grid, between the least and the largest."""
    low, high = values
    return {"output": as_bytes(255 * (outputs[:, 0] - low) / max(high - low, 1e-12)).view(size, size)}


def weights(stages: Sequence[Stage]) -> Arrays:
    """The weights and biases of each layer."""
    arrays: Arrays = {}
    for k, stage in enumerate(stages):
        arrays[f"weights.{k}"] = stage.linear.weight.value
        if stage.linear.bias is not None:
            arrays[f"biases.{k}"] = stage.linear.bias.value
    return arrays


def signed(maps: Tensor) -> Tensor:
    """Maps ``(units, h, w)`` as bytes: 128 is 0, the ends are the largest absolute value of each unit."""
    largest = maps.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    return as_bytes(128 + 127 * maps / largest)


def as_bytes(values: Tensor) -> Tensor:
    return values.nan_to_num(128, 255, 0).round().clamp(0, 255).to(torch.uint8)


def packed(header: dict[str, Any], arrays: Arrays) -> bytes:
    """A header and arrays in one block of bytes."""
    kinds = {torch.uint8: "u8", torch.float32: "f32"}
    arrays = {name: a if a.dtype == torch.uint8 else a.float() for name, a in arrays.items()}
    header["arrays"] = [
        {"name": name, "kind": kinds[array.dtype], "shape": list(array.shape)}
        for name, array in arrays.items()
    ]
    text = json.dumps(header, allow_nan=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    blocks = [len(text).to_bytes(4, "little"), text]
    for array in arrays.values():
        content = array.contiguous().numpy(force=True).tobytes()
        blocks += [content, bytes(-len(content) % 4)]
    return b"".join(blocks)
