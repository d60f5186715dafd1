"""The decision boundary over the epochs."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

import plaingrad
from plaingrad import nn, optim
from plaingrad.data import disc
from plaingrad.errors import InputError
from plaingrad.inspect import BoundaryFrames, boundary_animation
from plaingrad.inspect.animation import SIGNS
from plaingrad.train import predict
from plaingrad.train.callbacks import Callback


def fitted(*callbacks: Callback, engine: Any = "eager", epochs: int = 5, data: Any = None) -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer, loss = optim.Adam(model.parameters(), lr=0.05), nn.CrossEntropyLoss()
    data = disc(200, seed=0) if data is None else data
    plaingrad.fit(
        model, data, loss=loss, optimizer=optimizer, epochs=epochs, batch_size=20, seed=0,
        callbacks=callbacks, progress=False, engine=engine,
    )  # fmt: skip
    return model


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_frames_are_what_the_network_predicts(engine: str) -> None:
    frames = BoundaryFrames(resolution=20)
    model = fitted(frames, engine=engine)
    assert [frame.epoch for frame in frames.frames] == [0, 1, 2, 3, 4, 5]
    last, data = frames.frames[-1], disc(200, seed=0)
    assert torch.equal(last.points, predict(model, data.inputs).argmax(1))
    assert frames.plane is not None
    assert torch.equal(last.region, predict(model, frames.plane.grid).argmax(1))
    assert not torch.equal(frames.frames[0].region, last.region)


@pytest.mark.parametrize(
    ("chosen", "kept"), [(1, [0, 1, 2, 3, 4, 5, 6, 7]), (3, [0, 3, 6, 7]), ([1, 2, 4, 8], [0, 1, 2, 4, 7])]
)
@pytest.mark.parametrize("engine", ["eager", "native"])
def test_epochs_are_chosen(chosen: Any, kept: list[int], engine: str) -> None:
    frames = BoundaryFrames(chosen, resolution=5)
    fitted(frames, engine=engine, epochs=7)
    assert [frame.epoch for frame in frames.frames] == kept


@pytest.mark.parametrize("engine", ["eager", "native"])
def test_a_frame_is_of_its_own_epoch(engine: str) -> None:
    longer, shorter = BoundaryFrames(3, resolution=20), BoundaryFrames(3, resolution=20)
    fitted(longer, engine=engine, epochs=8)
    fitted(shorter, engine=engine, epochs=3)
    assert torch.equal(longer.frames[1].region, shorter.frames[1].region)
    assert not torch.equal(longer.frames[1].region, longer.frames[3].region)


class Stop(Callback):
    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if epoch == 1:
            self.run.stop("enough")


def test_a_run_that_is_stopped_has_its_last_epoch() -> None:
    frames = BoundaryFrames(5, resolution=5)
    fitted(Stop(), frames, epochs=9)
    assert [frame.epoch for frame in frames.frames] == [0, 2]


def test_training_goes_on_as_without_it() -> None:
    without, beside = fitted(), fitted(BoundaryFrames(resolution=5))
    for name, value in without.state_dict().items():
        assert torch.equal(value, beside.state_dict()[name])


def test_the_animation_has_each_frame(tmp_path: Path) -> None:
    frames = BoundaryFrames(2, data=disc(50, seed=1).one_hot(), resolution=30)
    fitted(frames, epochs=6)
    path = boundary_animation(frames, tmp_path / "boundary.gif", seconds=0.5, pause=1.2, dpi=50)
    assert [each.name for each in tmp_path.iterdir()] == ["boundary.gif"]
    with Image.open(path) as image:
        images = []
        durations = []
        for index in range(image.n_frames):
            image.seek(index)
            images.append(image.convert("RGB").tobytes())
            durations.append(image.info["duration"])
        assert image.info["loop"] == 0
    assert len(set(images)) == len(frames.frames) == 4
    assert sum(durations) == 500 * (3 + math.ceil(1.2 / 0.5))


def test_a_page_has_every_frame_inside(tmp_path: Path) -> None:
    frames = BoundaryFrames(resolution=8)
    fitted(frames, epochs=2)
    path = boundary_animation(frames, tmp_path / "boundary.html", seconds=0.5, pause=1.0, dpi=40)
    assert [each.name for each in tmp_path.iterdir()] == ["boundary.html"]
    text = path.read_text(encoding="utf-8")
    assert text.count("data:image/png;base64") == len(frames.frames) + 1
    assert "<button" in text
    assert "http" not in text  # nothing is loaded
    assert "fa-" not in text
    assert all(sign in text for sign in SIGNS.values())


@pytest.mark.parametrize("signed", [False, True])
def test_a_single_output_decides_between_two_classes(signed: bool) -> None:
    points = disc(60, seed=0)
    targets = points.targets.float()[:, None]
    data = (points.inputs, 2 * targets - 1 if signed else targets)
    loss: nn.Loss = nn.SoftMarginLoss() if signed else nn.BCEWithLogitsLoss()
    model, frames = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1)), BoundaryFrames(resolution=10)
    plaingrad.fit(
        model, data, loss=loss, optimizer=optim.Adam(model.parameters(), lr=0.1), epochs=20, batch_size=20,
        callbacks=[frames], progress=False, engine="eager",
    )  # fmt: skip
    assert frames.plane is not None
    assert frames.plane.names == (("-1", "1") if signed else ["0", "1"])
    assert torch.equal(frames.plane.data.targets, points.targets)
    expected = predict(model, points.inputs)[:, 0] > 0
    assert 0 < expected.sum() < 60
    assert torch.equal(frames.frames[-1].points.bool(), expected)


def test_data_that_are_no_points_with_classes_are_refused() -> None:
    data = disc(40, seed=0)
    with pytest.raises(InputError, match="expected data of two inputs"):
        fitted(BoundaryFrames(data=(data.inputs, torch.randn(40, 2))))
    with pytest.raises(InputError, match="expected data of two inputs"):
        fitted(BoundaryFrames(data=(torch.randn(40, 3), data.targets)))
    with pytest.raises(InputError, match="expected a network with 3 outputs"):
        fitted(BoundaryFrames(data=(data.inputs, data.targets + 1)))


def test_what_cannot_be_animated_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="got one without frames"):
        boundary_animation(BoundaryFrames(), tmp_path / "a.gif")
    frames = BoundaryFrames(resolution=5)
    fitted(frames, epochs=1)
    with pytest.raises(InputError, match=r"suffix \.gif or \.html"):
        boundary_animation(frames, tmp_path / "a.mp4")
    with pytest.raises(InputError, match="seconds"):
        boundary_animation(frames, tmp_path / "a.gif", seconds=0)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [{"epochs": 0}, {"epochs": [0]}, {"resolution": 0}])
def test_numbers_that_are_no_counts_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="BoundaryFrames"):
        BoundaryFrames(**options)
