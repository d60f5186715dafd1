"""Classes with an order, from the table to the graph."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes
from sklearn.metrics import cohen_kappa_score

from cli.shell import refused, succeed, told
from plaingrad import interop
from plaingrad.tables import TableModel, read_frame

GRADES = ["minor", "slight", "middling", "marked", "grave"]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The diabetes table with five grades of progress, and the folder of two networks for it."""
    folder = tmp_path_factory.mktemp("graded")
    data = load_diabetes(as_frame=True)
    data.data.assign(grade=pd.qcut(data.target, 5, labels=GRADES)).to_csv(folder / "t.csv", index=False)
    options = ("--target", "grade", "--order", ",".join(GRADES), "--models", 2, "--epochs", 30)
    succeed("train", folder / "t.csv", *options, "--engine", "eager", "-o", folder / "out")
    return folder / "t.csv", folder / "out"


def test_probabilities_are_proper_and_the_prediction_is_their_median(graded: tuple[Path, Path]) -> None:
    table, out = graded
    predicted = TableModel.load(out / "model.safetensors").predict(read_frame(table))
    probabilities = predicted[[f"probability_{grade}" for grade in GRADES]].to_numpy()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-6)
    ranks = predicted["prediction"].map(GRADES.index).to_numpy()
    below = np.cumsum(np.hstack([np.zeros((len(ranks), 1)), probabilities]), axis=1)
    rows = np.arange(len(ranks))
    assert (below[rows, ranks] <= 0.5 + 1e-6).all()
    assert (below[rows, ranks + 1] >= 0.5 - 1e-6).all()


def test_the_ranks_are_scored(graded: tuple[Path, Path]) -> None:
    table, out = graded
    test = told("evaluate", out / "model.safetensors", table)["test"]
    frame = read_frame(table)
    true = np.array([GRADES.index(grade) for grade in frame["grade"]])
    predicted = TableModel.load(out / "model.safetensors").predict(frame)["prediction"]
    ranks = np.array([GRADES.index(grade) for grade in predicted])
    scores = test["scores"]
    assert scores["rank_mae"] == pytest.approx(np.abs(true - ranks).mean())
    assert scores["weighted_kappa"] == pytest.approx(cohen_kappa_score(true, ranks, weights="quadratic"))
    assert scores["accuracy"] == pytest.approx((true == ranks).mean())
    assert list(test["classes"]) == GRADES
    report = json.loads((out / "report.json").read_text())
    assert report["task"] == "ordinal"
    assert report["test"]["scores"]["weighted_kappa"] > 0.4
    assert report["test"]["baselines"]["dummy"]["weighted_kappa"] == pytest.approx(0, abs=1e-12)
    assert "quadratic weighted kappa" in (out / "report.html").read_text()
    assert "ordinal of 'grade' into minor, slight" in succeed("info", out / "model.safetensors")


def test_the_graph_gives_the_probability_of_more(graded: tuple[Path, Path], tmp_path: Path) -> None:
    table, out = graded
    notes = told("export", out / "model.safetensors", tmp_path / "m.onnx")
    assert (notes["output"]["shape"], notes["output"]["classes"]) == (["batch", 4], GRADES)
    model, frame = TableModel.load(out / "model.safetensors"), read_frame(table)
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    (above,) = session.run(None, {"features": model.encoder.transform(frame)})
    np.testing.assert_allclose(
        model.complete(above), model.predict_proba(frame).to_numpy(), rtol=1e-3, atol=1e-6
    )


def test_an_order_with_commas_is_kept_with_the_options(tmp_path: Path) -> None:
    grades = ["up to 1,000", "above"]
    frame = load_diabetes(as_frame=True).data.assign(y=np.tile(grades, 221))
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--epochs", 1, "--engine", "eager", "--no-importance", "-o", tmp_path / "out")
    order = '"up to 1,000",above'
    saved = tmp_path / "run.toml"
    succeed("train", tmp_path / "t.csv", "--target", "y", "--order", order, *options, "--save-config", saved)
    succeed("train", tmp_path / "t.csv", "--config", saved)
    model = TableModel.load(tmp_path / "out" / "model.safetensors")
    assert (model.target.task, model.target.labels) == ("ordinal", grades)


@pytest.mark.parametrize(
    "change", [{"link": "softmax"}, {"classes": [0, 1, 2, 3]}, {"classes": [1, 0, 2, 3, 4]}]
)
def test_an_altered_file_is_refused(
    graded: tuple[Path, Path], tmp_path: Path, change: dict[str, object]
) -> None:
    table, out = graded
    file = interop.read_file(out / "model.safetensors")
    interop.save(file.module, tmp_path / "m.safetensors", {**file.facts, **change}, file.attachments)
    assert "for ordinal, got" in refused("predict", tmp_path / "m.safetensors", table)
