"""Rows of a table: what each of them weighs, and where an error about one of them is."""

from __future__ import annotations

import gc
import json
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cli.shell import diabetes, iris, refused, succeed, told, warned
from plaingrad.tables import TableEncoder, read_frame
from plaingrad.tables.columns.raw import RawColumn
from plaingrad.tables.model.model import TableModel
from plaingrad.tables.model.network import Fitted, fitted
from plaingrad.tables.model.rows import Rows, read_rows
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts, divided


def test_rows_of_no_weight_teach_nothing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(200) % 20, "y": np.arange(200) % 20})
    wrong = np.arange(200) % 3 == 0
    frame = frame.assign(w=np.where(wrong, 0, 2.5))
    frame.loc[wrong, "y"] = 500
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--target", "y", "--lr", 0.01, "--patience", 0, "--dropout", 0, "--task", "regression")
    warned("train", tmp_path / "t.csv", *options, "--weight", "w", "-o", tmp_path / "out")
    values = TableModel.load(tmp_path / "out" / "model.safetensors").predict(frame)["prediction"]
    assert np.abs(values - frame["x"]).max() < 5


def test_equal_weights_change_nothing_and_are_no_feature(tmp_path: Path) -> None:
    frame = pd.read_csv(diabetes(tmp_path / "t.csv"))
    frame.assign(w=3).to_csv(tmp_path / "w.csv", index=False)
    options = ("--target", "progression", "--epochs", 3, "--weight-decay", 0)
    plain = told("train", tmp_path / "t.csv", *options, "-o", tmp_path / "a")
    weighted = told("train", tmp_path / "w.csv", *options, "-o", tmp_path / "b", "--weight", "w")
    assert weighted["columns"] == plain["columns"]
    for who in ("dummy", "linear"):
        assert weighted["test"]["baselines"][who] == pytest.approx(plain["test"]["baselines"][who], abs=1.0)
    assert weighted["test"]["scores"] == pytest.approx(plain["test"]["scores"], rel=1e-4)


def test_weights_may_be_written_with_marks(tmp_path: Path) -> None:
    frame = read_frame(iris(tmp_path / "t.csv"))
    frame.assign(w=[f"${1000 + i:,}.50" for i in range(len(frame))]).to_csv(tmp_path / "t.csv", index=False)
    rows, _ = read_rows(tmp_path / "t.csv", Settings(target="species", weight="w"))
    assert rows.weights is not None
    assert rows.weights.tolist() == [1000.5 + i for i in range(len(frame))]


def test_weights_are_told_and_kept_through_parts_and_folds(tmp_path: Path) -> None:
    frame = pd.read_csv(iris(tmp_path / "t.csv")).assign(w=np.arange(150.0))
    frame.loc[[5, 90], "species"] = None
    frame.loc[5, "w"] = np.nan  # of no use, as the row is
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = Settings(target="species", weight="w")
    rows, _ = read_rows(tmp_path / "t.csv", settings)
    part = rows.take(np.array([147, 5, 0]))
    assert part.weights is not None
    assert part.weights.tolist() == [149, 6, 0]
    out = tmp_path / "out"
    options = ("--target", "species", "--weight", "w", "--epochs", 2, "--cv", 3, "-o", out)
    said = succeed("train", tmp_path / "t.csv", *options)
    assert "by 'w' in training; scores count all rows alike" in said
    assert "by &#39;w&#39; in training" in (out / "report.html").read_text()
    assert json.loads((out / "report.json").read_text())["settings"]["weight"] == "w"
    # A table without the weights is enough to use the model.
    frame.drop(columns=["w", "species"]).to_csv(tmp_path / "new.csv", index=False)
    succeed("predict", out / "model.safetensors", tmp_path / "new.csv", "-o", tmp_path / "p.csv")
    assert len(read_frame(tmp_path / "p.csv")) == 150


def test_rows_of_other_tables_without_a_target_are_told(tmp_path: Path) -> None:
    frame = pd.read_csv(iris(tmp_path / "t.csv"))
    frame.assign(species=frame["species"].where(frame.index % 10 > 1)).iloc[:, ::-1].to_csv(
        tmp_path / "other.csv", index=False
    )
    options = ("--target", "species", "--epochs", 1, "-o", tmp_path / "out")
    for option in ("--validation", "--test"):
        said = warned("train", tmp_path / "t.csv", *options, option, tmp_path / "other.csv")
        assert f"30 rows of {tmp_path / 'other.csv'} without 'species' left out\n" in said


def test_a_class_that_was_not_known_is_told_with_its_row_in_the_file(tmp_path: Path) -> None:
    frame = pd.read_csv(iris(tmp_path / "t.csv"))
    frame.loc[[3, 40], "species"] = None
    frame.loc[100, "species"] = "rosa"
    frame.to_csv(tmp_path / "other.csv", index=False)
    options = ("--target", "species", "-o", tmp_path / "out", "--validation", tmp_path / "other.csv")
    line = refused("train", tmp_path / "t.csv", *options)
    assert line.endswith(
        "other.csv: column 'species': expected one of the classes 'setosa', 'versicolor', 'virginica', "
        "got 'rosa' in row 101"
    )


def test_a_value_that_cannot_be_used_costs_no_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pd.read_csv(diabetes(tmp_path / "t.csv"))
    frame.assign(bmi=np.inf).head(20).to_csv(tmp_path / "other.csv", index=False)
    monkeypatch.setattr("plaingrad.tables.model.trainings.fitted", lambda *_: pytest.fail("trained"))
    options = ("--target", "progression", "-o", tmp_path / "out", "--test", tmp_path / "other.csv")
    line = refused("train", tmp_path / "t.csv", *options)
    assert "other.csv: column 'bmi': expected a finite number, got inf in row 1; mend it" in line


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--embedding"],
        ["--loss", "quantile"],
        ["--patience", 0],
        ["--cv", 3],
        ["--cv", 3, "--embedding"],
        ["--tune", 2],
    ],
    ids=lambda options: " ".join(map(str, options)),
)
def test_each_row_is_encoded_once_for_a_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[object]
) -> None:
    random = np.random.default_rng(0)
    town = random.integers(0, 5, 200)
    frame = pd.DataFrame({"size": random.normal(size=200), "town": [f"town {k}" for k in town]})
    frame.assign(y=town + frame["size"]).to_csv(tmp_path / "t.csv", index=False)
    counts, raw_counts = np.zeros(200, int), np.zeros(200, int)
    transform = TableEncoder.transform

    def counting(encoder: TableEncoder, frame: pd.DataFrame, **options: Any) -> np.ndarray:
        is_raw = isinstance(next(iter(encoder.used_.values())), RawColumn)  # for the baselines
        (raw_counts if is_raw else counts)[frame.index] += 1
        return transform(encoder, frame, **options)

    monkeypatch.setattr(TableEncoder, "transform", counting)
    told("train", tmp_path / "t.csv", "--target", "y", "--epochs", 1, *options, "-o", tmp_path / "out")
    assert set(counts) == {4 if "--cv" in options else 1}  # each fold has an encoder of its own
    assert raw_counts.max() == (3 if "--cv" in options else 1)


def test_the_table_leaves_memory_before_the_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames: list[weakref.ref[pd.DataFrame]] = []

    def remembered(rows: Rows, *arguments: Any) -> Parts:
        parts = divided(rows, *arguments)
        frames.extend(
            weakref.ref(each.frame) for each in (rows, parts.train, parts.validation, parts.test) if each
        )
        return parts

    def gone(*arguments: Any) -> Fitted:
        gc.collect()
        assert len(frames) == 4
        assert all(each() is None for each in frames)
        return fitted(*arguments)

    monkeypatch.setattr("plaingrad.tables.preparation.divided", remembered)
    monkeypatch.setattr("plaingrad.tables.model.trainings.fitted", gone)
    table = iris(tmp_path / "t.csv")
    succeed("train", table, "--target", "species", "--epochs", 1, "-o", tmp_path / "out")


def test_counts_may_be_zero(tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.arange(60) % 12, "y": [0, 0, 1, 0, 3, 1] * 10})
    frame.to_csv(tmp_path / "t.csv", index=False)
    options = ("--target", "y", "--task", "regression", "--loss", "poisson", "--epochs", 1)
    report = told("train", tmp_path / "t.csv", *options, "-o", tmp_path / "out")
    assert report["task"] == "regression"
