"""The decision boundary over the epochs, as an animation."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.inspect.classes import class_count, predicted_classes, threshold_of, with_classes
from plaingrad.inspect.thinning import thinned
from plaingrad.optim.common.options import COUNT, POSITIVE, expect
from plaingrad.train import predict
from plaingrad.train.callbacks import Callback
from plaingrad.train.callbacks.callback import Logs

if TYPE_CHECKING:
    from plaingrad.inspect.plane import Plane


MOST_MEGABYTES = 200  # of the pictures in a page


class Frame(NamedTuple):
    """The classes that the network predicted at an epoch.

    Attributes:
        epoch: the epoch after which it was, counted from 1; 0 before training.
        loss: the training loss of that epoch; None before training.
        region: the class at each point of the grid.
        points: the class of each sample that is shown.
    """

    epoch: int
    loss: float | None
    region: Tensor
    points: Tensor


class BoundaryFrames(Callback):
    """Keeps the predicted class over the plane before training and after epochs, for `boundary_animation`.

    Args:
        epochs: the number of epochs from one frame to the next, or the epochs themselves, counted from 1;
            the start and the last epoch are always kept.
        data: the points to show, as the network takes them, and their classes: a `Dataset`, or a pair of
            inputs ``(n, 2)`` and targets, as class indices, one-hot, 0 and 1, or -1 and 1. None for the
            training data.
        resolution: the number of points of the grid along each axis.

    Attributes:
        frames: what was predicted, epoch by epoch.

    Raises:
        InputError: ``epochs`` or ``resolution`` is no count; at the start of training, if the data are not
            points of the plane with classes, or the network has no output for each class; of two classes a
            single one will do.
    """

    def __init__(self, epochs: int | Iterable[int] = 1, data: Any = None, resolution: int = 150) -> None:
        self.every = epochs if isinstance(epochs, int) else 0
        self.chosen: set[int] = set() if isinstance(epochs, int) else set(epochs)
        for number in [epochs] if isinstance(epochs, int) else self.chosen:
            expect("BoundaryFrames", "epochs", COUNT, number)
        expect("BoundaryFrames", "resolution", COUNT, resolution)
        self.data, self.resolution = data, resolution
        self.frames: list[Frame] = []
        self.plane: Plane | None = None
        self._epoch, self._threshold = 0, 0.0

    def on_train_begin(self, logs: Logs) -> None:
        from plaingrad.inspect.plane import Plane  # matplotlib

        self.frames, self._epoch = [], 0
        data = self.run.data if self.data is None else Dataset.of(self.data)
        self.plane = Plane(points_of(data), self.resolution)
        assert data is not None
        self._threshold = threshold_of(self.run.model, data, self.run.loss)
        self._keep(None)

    def state_dict(self) -> dict[str, Any]:
        """The frames so far."""
        return {"epoch": self._epoch, "frames": [tuple(frame) for frame in self.frames]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._epoch, self.frames = state["epoch"], [Frame(*frame) for frame in state["frames"]]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self._epoch = epoch + 1
        if self._is_chosen(self._epoch) or self._epoch == self.run.epochs:
            self._keep(logs["loss"])

    def on_train_end(self, logs: Logs) -> None:
        if self.frames and self.frames[-1].epoch != self._epoch:  # training was stopped
            self._keep(logs.get("loss"))

    def epochs_until_needed(self) -> float:
        """The number of epochs until the next frame."""
        later = range(self._epoch + 1, self.run.epochs)
        return next((epoch for epoch in later if self._is_chosen(epoch)), later.stop) - self._epoch

    def _is_chosen(self, epoch: int) -> bool:
        return epoch % self.every == 0 if self.every else epoch in self.chosen

    def _keep(self, loss: float | None) -> None:
        assert self.plane is not None
        region, points = (self._classes(x) for x in (self.plane.grid, self.plane.data.inputs))
        self.frames.append(Frame(self._epoch, loss, region, points))

    def _classes(self, inputs: Tensor) -> Tensor:
        assert self.plane is not None
        y, count = predict(self.run.model, inputs), len(self.plane.names)
        if class_count(y) < count:
            raise InputError(f"BoundaryFrames: expected a network with {count} outputs, one for each class")
        return predicted_classes(y, self._threshold).to(torch.uint8).cpu()

    def __repr__(self) -> str:
        return f"BoundaryFrames({self.every or sorted(self.chosen)})"


def points_of(data: Dataset | None) -> Dataset:
    """The points of the plane that are shown, with class indices.

    Raises:
        InputError: the data are others.
    """
    inputs = None if data is None else data.inputs
    whole = None if data is None else with_classes(data)
    if whole is None or not isinstance(inputs, Tensor) or inputs.shape[1:] != (2,):
        raise InputError("BoundaryFrames: expected data of two inputs, (n, 2), with a class for each sample")
    names = whole.class_names or [str(k) for k in range(int(whole.targets.max()) + 1)]
    return thinned(replace(whole.to("cpu"), class_names=names))


def boundary_animation(
    frames: BoundaryFrames,
    path: str | os.PathLike[str],
    *,
    seconds: float = 0.3,
    pause: float = 2.0,
    title: str = "Decision boundary",
    dpi: int = 100,
) -> Path:
    """Write the decision boundary over the epochs as an animated GIF; misclassified points are ringed.

    Args:
        frames: the callback of the run.
        path: the file, with the suffix .gif, or .html for a page with buttons to go through the epochs; it is
            written whole or not at all.
        seconds: the time of each frame.
        pause: the time of the last frame, after which the animation begins anew.
        title: the title, to which epoch and loss are added.
        dpi: pixels per inch.

    Returns:
        The path.

    Raises:
        InputError: the callback has seen no training, the path has another suffix, or a number is not
            above 0.
    """
    target = Path(path)
    expect("boundary_animation", "seconds", POSITIVE, seconds)
    expect("boundary_animation", "pause", POSITIVE, pause)
    if target.suffix.lower() not in (".gif", ".html"):
        raise InputError(f"path: expected a file with the suffix .gif or .html, got {str(target)!r}")
    plane = frames.plane
    if plane is None or not frames.frames:
        raise InputError("frames: expected a callback of a run, got one without frames")
    from matplotlib.animation import HTMLWriter, PillowWriter

    from plaingrad.drawing import dress

    figure, ax = plane.figure(title)
    drawn = plane.draw_points(ax, torch.zeros(len(plane.data), dtype=torch.bool))
    plane.draw_legend(figure, ax)
    dress(ax, frame_title(title, frames.frames[-1]))
    figure.draw_without_rendering()
    figure.set_layout_engine("none")  # so that nothing moves from frame to frame
    is_page = target.suffix.lower() == ".html"
    rate: Any = 1 / seconds
    writer = (
        HTMLWriter(rate, embed_frames=True, embed_limit=MOST_MEGABYTES) if is_page else PillowWriter(rate)
    )
    with replacing(target) as temporary:
        with writer.saving(figure, str(temporary), dpi):
            for i, frame in enumerate(frames.frames):
                for artist in drawn:
                    artist.remove()
                drawn = plane.draw_region(ax, frame.region)
                drawn += plane.draw_points(ax, frame.points != plane.data.targets)
                dress(ax, frame_title(title, frame))
                last = i == len(frames.frames) - 1
                for _ in range(math.ceil(pause / seconds) if last else 1):
                    writer.grab_frame()
        if is_page:
            page = Path(temporary)
            page.write_text(without_connection(page.read_text(encoding="utf-8")), encoding="utf-8")
    return target


SIGNS = {
    "minus": "−", "fast-backward": "«", "step-backward": "‹", "play fa-flip-horizontal": "◀",
    "pause": "❙❙", "play": "▶", "step-forward": "›", "fast-forward": "»", "plus": "+",
}  # fmt: skip
"""The signs of the buttons, for the names that they have in the font that matplotlib's pages load."""


def without_connection(page: str) -> str:
    """A page of matplotlib's with signs on its buttons in place of a font from the network."""
    page = re.sub(r'<link rel="stylesheet"\s*href="https://[^"]*">', "", page)
    return re.sub(r'<i class="fa fa-([^"]*)"></i>', lambda match: SIGNS[match[1]], page)


def frame_title(title: str, frame: Frame) -> str:
    """The title of a frame."""
    if frame.epoch == 0:
        return f"{title}, before training"
    loss = "" if frame.loss is None else f", loss {frame.loss:.3g}"
    return f"{title}, epoch {frame.epoch}{loss}"
