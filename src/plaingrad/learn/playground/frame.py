"""Frames: what a run looks like at one moment, in numbers and in maps of bytes."""

from __future__ import annotations

import math
from typing import Any

from torch import Tensor

from plaingrad.inspect.player.frame import (
    FINE,
    GRID,
    Arrays,
    maps,
    packed,
    predicted_classes,
    predicted_numbers,
    signed,
    weights,
)
from plaingrad.learn.playground.run import Run

LARGE = 120
"""Points along each side of an enlarged map."""


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
        if self.enlarged is not None and not run.has_unit(*self.enlarged):
            self.enlarged = None
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
        arrays = maps([grid, *outputs], FINE, GRID) | self.decision(outputs[-1])
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
            return predicted_numbers(outputs, problem.values, FINE)
        return predicted_classes(outputs, self.run.state.loss_name == "cross_entropy", FINE)

    def parameters(self) -> Arrays:
        """The weights and biases of each layer, and where asked for, their gradients on the training data."""
        arrays = weights(self.run.stages)
        if self.run.state.gradients:
            arrays |= {f"gradients.{k}": grad for k, grad in enumerate(self.run.gradients())}
        return arrays


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
