from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_iris

import plaingrad
from cli.shell import succeed, titanic, told
from interop.rows import examples
from plaingrad import nn
from plaingrad.interop import save
from plaingrad.tables import TableEncoder, TableModel, Target
from plaingrad.tables.model.metadata import KNOWN
from plaingrad.tables.model.model import STRUCTURE
from plaingrad.tables.report.grids import loss_rows
from saving.facts import plain


def test_a_model_of_a_table_tells_everything(tmp_path: Path) -> None:
    table, out = titanic(tmp_path / "titanic.csv"), tmp_path / "out"
    options = ("--epochs", 3, "--hidden", "8,5", "--normalization", "batch", "--dropout", 0, "--quiet")
    options += ("--models", 1)
    succeed("train", table, "--target", "survived", "-o", out, *options)
    model = out / "model.safetensors"
    found, report = told("info", model), json.loads((out / "report.json").read_text())
    assert [layer["layer"].partition("(")[0] for layer in found["layers"]] == [
        "Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear",
    ]  # fmt: skip
    assert found["layers"][0]["shapes"]["weight"] == [8, report["network"]["architecture"][0]]
    assert found["parameters"] == report["network"]["parameters"]
    assert found["parameters"] == sum(layer["parameters"] for layer in found["layers"])
    assert found["versions"] == report["versions"]
    facts = found["facts"]
    for name in ("columns", "settings", "rows", "training"):
        assert facts[name] == report[name]
    assert facts["scores"] == report["test"]["scores"]
    assert facts["history"] == json.loads((out / "history.json").read_text())
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


def test_the_loss_and_what_the_classes_counted_are_told(tmp_path: Path) -> None:
    table, out = titanic(tmp_path / "titanic.csv"), tmp_path / "out"
    options = ("--epochs", 2, "--class-weight", "0=0.5", "--class-weight", "1=2", "--label-smoothing", 0.1)
    said = succeed("train", table, "--target", "survived", "-o", out, *options)
    report = json.loads((out / "report.json").read_text())
    assert report["class_weights"] == {"0": 0.5, "1": 2.0}
    for each in (said, succeed("info", out / "model.safetensors"), (out / "report.html").read_text()):
        each = " ".join(each.split())
        assert "How it was made" in each
        assert "log_loss, label smoothing 0.1" in each
        assert "0: 0.5, 1: 2; predictions follow them" in each
        assert "need not be the most probable class" in each
    assert "need not be the most probable class" in " ".join(succeed("predict", "--help").split())


@pytest.mark.parametrize(
    ("task", "settings", "told"),
    [
        ("regression", {"loss": "auto", "quantile": 0.5}, "squared_error"),
        ("regression", {"loss": "quantile", "quantile": 0.9}, "quantile 0.9"),
        ("regression", {"loss": "huber", "quantile": 0.5, "label_smoothing": 0.0}, "huber"),
        ("classification", {"loss": "auto", "quantile": 0.5, "label_smoothing": "?"}, "log_loss"),
    ],
)
def test_the_loss_in_words(task: str, settings: dict[str, Any], told: str) -> None:
    assert loss_rows(task, settings, None) == [["loss", told]]


facts = st.dictionaries(
    st.sampled_from([*KNOWN, *STRUCTURE, "layers", "parameters", "versions", "file"]) | st.text(max_size=5),
    st.none() | st.just("table") | plain,
    max_size=5,
)


@examples
@given(facts=facts)
def test_any_other_network_is_shown_with_whatever_facts(facts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(nn.Sequential(nn.Linear(3, 2), nn.Tanh()), path, facts)
    said, found = succeed("info", path), told("info", path)
    assert "Sequential with 8 parameters" in said
    assert all(name in said for name in facts if name.isidentifier())
    assert found.pop("facts") == facts
    assert (found["file"], found["parameters"], len(found["layers"])) == (str(path), 8, 2)
    assert found["versions"]["plaingrad"] == plaingrad.__version__


@pytest.mark.parametrize(
    "facts",
    [
        {"task": "classification", "columns": ["a", "b", "c"], "classes": ["no", "yes"]},
        {"history": {"epochs": {"loss": [1.0]}}},
        {"kind": "table"},
        {"parameters": 10**9, "layers": "none", "versions": {"plaingrad": "99"}, "file": "another"},
        {"author": "me [red]", "long": "x" * 1000},
    ],
)
def test_facts_are_shown_as_they_are(facts: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    save(nn.Linear(3, 2), path, facts)
    shown = dict(line.split(maxsplit=1) for line in succeed("info", path).splitlines() if " " in line.strip())
    for name, value in facts.items():
        text = json.dumps(value)
        assert shown[name].strip() in text if len(text) < 80 else "…" in succeed("info", path)


def test_a_model_of_a_table_without_a_history_is_shown(tmp_path: Path) -> None:
    frame = load_iris(as_frame=True).data
    encoder, target = TableEncoder().fit(frame), Target.of(frame.iloc[:, 0] > 5, "long")
    network = nn.Sequential(nn.Linear(len(encoder.names_), 1))
    model = TableModel([network], encoder, target, "logistic", np.array([0, 1]), None, {"author": "me"})
    model.save(tmp_path / "m.safetensors")
    said = succeed("info", tmp_path / "m.safetensors")
    for shown in ("classification of 'long' into False, True", "petal width (cm)", "author", '"me"'):
        assert shown in said
    assert "history" not in said


def test_the_demos_network_is_shown(tmp_path: Path) -> None:
    succeed("demo", "--epochs", 1, "-o", tmp_path)
    assert "Linear(25, 2)" in succeed("info", tmp_path / "model.safetensors")
