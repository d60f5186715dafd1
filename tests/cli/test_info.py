from __future__ import annotations

import json
from pathlib import Path

from cli.shell import succeed, titanic, told
from plaingrad import nn
from plaingrad.interop import save


def test_a_model_of_a_table_tells_everything(tmp_path: Path) -> None:
    table, out = titanic(tmp_path / "titanic.csv"), tmp_path / "out"
    options = ("--epochs", 3, "--hidden", "8,5", "--normalization", "batch", "--dropout", 0, "--quiet")
    succeed("train", table, "--target", "survived", "-o", out, *options)
    model = out / "model.safetensors"
    found, report = told("info", model), json.loads((out / "report.json").read_text())
    assert [layer["layer"].partition("(")[0] for layer in found["layers"]] == [
        "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear",
    ]  # fmt: skip
    assert found["layers"][0]["shapes"]["weight"] == [8, report["network"]["architecture"][0]]
    assert found["parameters"] == report["network"]["parameters"]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    for name in ("columns", "settings", "rows", "training", "versions"):
        assert found[name] == report[name]
    assert found["scores"] == report["test"]["scores"]
    assert (
        found["history"]["epochs"]["loss"] == json.loads((out / "history.json").read_text())["epochs"]["loss"]
    )
    said = succeed("info", model)
    for shown in (
        "Linear(8, 5)",
        "weight 5×8",
        "Columns",
        "Training history",
        "classification of 'survived'",
    ):
        assert shown in said
    assert succeed("info", model, "--quiet") == ""


def test_any_other_network_is_shown_too(tmp_path: Path) -> None:
    save(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), tmp_path / "m.safetensors", {"author": "me"})
    said = succeed("info", tmp_path / "m.safetensors")
    assert "Sequential with 8 parameters" in said
    assert "author" in said
    assert told("info", tmp_path / "m.safetensors")["author"] == "me"


def test_the_demos_network_is_shown(tmp_path: Path) -> None:
    succeed("demo", "--epochs", 1, "-o", tmp_path)
    assert "Linear(25, 2)" in succeed("info", tmp_path / "model.safetensors")
