"""Frames: what a run looks like at one moment, in numbers and in maps of bytes."""

from __future__ import annotations

import json
import math
from typing import Any

import torch
from torch import Tensor

from plaingrad.learn.playground.run import Run

GRID, FINE, LARGE = 30, 60, 120
"""Points along each side of the map of a unit, of that of the output, and of an enlarged one."""

Arrays = dict[str, Tensor]


class Camera:
    """Makes frames of a run.

    Attributes:
        enlarged: the layer and unit whose map is sent larger; layer -1 are the features.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.enlarged: tuple[int, int] | None = None
        self.sent = 0
        self._data: Any = None

    def take(self, number: int, playing: bool, extra: dict[str, Any]) -> bytes:
        """The frame of the run as it is.

        Args:
            number: of the frame.
            playing: whether the run goes on.
            extra: more entries of the header.
        """
        run = self.run
        (loss, accuracy), (test_loss, test_accuracy) = run.note()
        whole = self.sent == 0 or self.sent > len(run.curve)
        new = run.curve if whole else run.curve[self.sent :]
        self.sent = len(run.curve)
        header: dict[str, Any] = {
            "frame": number,
            "epoch": run.position,
            "batch": run.batch,
            "playing": playing,
            "loss": _finite(loss),
            "test_loss": _finite(test_loss),
            "curve": [[round(epoch, 4), _finite(a), _finite(b)] for epoch, a, b in new],
            **extra,
        }
        if whole:
            header["whole"] = True
        if self.enlarged is not None:
            header["enlarged"] = list(self.enlarged)
        if accuracy is not None:
            header |= {"accuracy": accuracy, "test_accuracy": test_accuracy}
        return packed(header, {**self.maps(), **self.parameters()})

    def maps(self) -> Arrays:
        """The maps of all units, and that of the output."""
        grid = self.grid(FINE)
        outputs = self.run.outputs(grid)
        step = FINE // GRID
        units = [each.T.view(-1, FINE, FINE)[:, ::step, ::step] for each in (grid, *outputs)]
        arrays = {"maps": torch.cat([signed(each) for each in units])} | self.decision(outputs[-1])
        if self.enlarged is not None:
            layer, unit = self.enlarged
            large = self.grid(LARGE)
            values = large if layer < 0 else self.run.outputs(large)[layer]
            arrays["enlarged"] = signed(values[:, unit].view(1, LARGE, LARGE))[0]
        return arrays

    def grid(self, size: int) -> Tensor:
        """The features over the plane, made once for the data."""
        if self._data is not self.run.problem:
            self._data, self._grids = self.run.problem, dict[int, Tensor]()
        if size not in self._grids:
            self._grids[size] = self.run.problem.grid(size)
        return self._grids[size]

    def decision(self, outputs: Tensor) -> Arrays:
        """The predicted class at each point and its probability, or the predicted number."""
        problem = self.run.problem
        if not problem.classes:
            low, high = problem.values
            scaled = (outputs[:, 0] - low) / max(high - low, 1e-12)
            return {"output": _bytes(255 * scaled).view(FINE, FINE)}
        if self.run.state.loss_name == "cross_entropy":
            share = outputs.softmax(1)
        else:  # one-hot targets: the outputs themselves lie about 0 and 1
            share = outputs.clamp(0, 1) / outputs.clamp(0, 1).sum(1, keepdim=True).clamp(min=1e-12)
        best = outputs.argmax(1)
        confidence = share.gather(1, best[:, None])[:, 0]
        return {
            "output": best.to(torch.uint8).view(FINE, FINE),
            "confidence": _bytes(255 * confidence).view(FINE, FINE),
        }

    def parameters(self) -> Arrays:
        """The weights and biases of each layer, and where asked for, their gradients on the training data."""
        arrays: Arrays = {}
        for k, stage in enumerate(self.run.stages):
            arrays[f"weights.{k}"] = stage.linear.weight.value
            if stage.linear.bias is not None:
                arrays[f"biases.{k}"] = stage.linear.bias.value
        if self.run.state.gradients:
            arrays |= {f"gradients.{k}": grad for k, grad in enumerate(self.run.gradients())}
        return arrays


def signed(maps: Tensor) -> Tensor:
    """Maps ``(units, h, w)`` as bytes: 128 is 0, the ends are the largest absolute value of each unit."""
    largest = maps.abs().amax((1, 2), keepdim=True).clamp(min=1e-12)
    return _bytes(128 + 127 * maps / largest)


def _bytes(values: Tensor) -> Tensor:
    return values.nan_to_num(128, 255, 0).round().clamp(0, 255).to(torch.uint8)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def packed(header: dict[str, Any], arrays: Arrays) -> bytes:
    """A header and arrays in one block of bytes, as docs/playground_protocol.md describes it."""
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
