from __future__ import annotations

from pathlib import Path

import pytest

from plaingrad.train.callbacks import ModelCheckpoint
from plaingrad.train.checkpoint import load_state
from train.callbacks.scripted import script
from train.small import network, plane, run


def test_only_the_best_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    script(ModelCheckpoint(path, save_best_only=True), val_loss=[3.0, 1.0, 2.0])
    state, metadata = load_state(path)
    assert metadata == {"epoch": 2, "val_loss": 1.0}
    assert bool((state["0.weight"] == 1).all())


def test_the_first_of_equal_ones_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    script(ModelCheckpoint(path, save_best_only=True), val_loss=[3.0, 1.0, 1.0])
    assert load_state(path)[1] == {"epoch": 2, "val_loss": 1.0}


def test_every_epoch_has_its_file_if_the_path_says_so(tmp_path: Path) -> None:
    path = tmp_path / "{epoch}-{val_loss:.1f}.safetensors"
    script(ModelCheckpoint(path), val_loss=[3.0, 1.0, 2.0])
    names = ["1-3.0.safetensors", "2-1.0.safetensors", "3-2.0.safetensors"]
    assert sorted(file.name for file in tmp_path.iterdir()) == names


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        (
            "best.safetensors",
            {"save_best_only": True},
            "expected monitor to be one of loss, lr, seconds",
        ),
        ("{val_loss}.safetensors", {}, "expected a path with fields among epoch, loss, lr, seconds; got"),
        ("none/best.safetensors", {}, "expected a path in a folder that exists, got"),
    ],
)
def test_what_cannot_be_used_is_told_before_training(
    name: str, arguments: dict[str, bool], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=f"ModelCheckpoint: {message}"):
        run(network(2, 1), plane(), callbacks=[ModelCheckpoint(tmp_path / name, **arguments)])
    assert not any(tmp_path.iterdir())
