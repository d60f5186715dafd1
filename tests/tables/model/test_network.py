"""The network that settings ask for."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest

from cli.shell import iris, refused, succeed, told, warned
from plaingrad import interop
from plaingrad.tables import read_frame
from plaingrad.tables.columns.strange import StrangeCellsWarning, StrangeCounts
from plaingrad.tables.model.automatic import automatic_bins, automatic_max_levels, automatic_models
from plaingrad.tables.model.model import TableModel


@pytest.fixture
def towns(tmp_path: Path) -> Path:
    """1200 rows of 60 towns, each with a level of its own, some of them not told; and a number."""
    random = np.random.default_rng(0)
    town = random.integers(0, 60, 1200)
    y = random.normal(size=60)[town] * 3 + 0.1 * random.normal(size=1200)
    frame = pd.DataFrame({"size": random.normal(size=1200), "town": [f"town {k}" for k in town], "y": y})
    frame.loc[::50, "town"] = None
    frame.to_csv(tmp_path / "towns.csv", index=False)
    return tmp_path / "towns.csv"


OPTIONS = ("--target", "y", "--embedding", "--lr", 0.01, "--epochs", 35, "--dropout", 0, "--no-importance")


@pytest.mark.parametrize(
    "more",
    [[], ["--models", 2, "--cv", 2], ["--tune", 2, "--epochs", 15, "--models", 2, "--engine", "eager"]],
)
def test_categories_can_be_embedded_and_the_model_travels(
    towns: Path, tmp_path: Path, more: list[object]
) -> None:
    out = tmp_path / "out"
    said = warned("train", towns, *OPTIONS, *more, "-o", out)
    assert "1 column embedded" in said
    report = json.loads((out / "report.json").read_text())
    assert report["network"]["embedded_columns"] == 1
    assert report["columns"][1]["done"].startswith("a code below 61 for an embedding")
    assert report["test"]["scores"]["r2"] > 0.9
    assert report["test"]["baselines"]["linear"]["r2"] > 0.9  # which got levels, and no codes
    model = out / "model.safetensors"
    assert "Embedding(61," in succeed("info", model)
    assert told("evaluate", model, towns)["test"]["scores"]["r2"] > 0.9
    pd.DataFrame({"town": ["town 3", "Utopia", None], "size": [0.1, 0.2, 0.3]}).to_csv(tmp_path / "new.csv")
    frame = pd.read_csv(tmp_path / "new.csv")
    with pytest.warns(
        StrangeCellsWarning, match=r"town: 1 of 3 values was not seen in training \('Utopia'\)"
    ):
        values = TableModel.load(model).predict(frame)["prediction"]
    assert np.isfinite(values).all()
    notes = told("export", model, tmp_path / "m.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "m.onnx"))
    loaded = TableModel.load(model)
    (found,) = session.run(None, {"features": loaded.encoder.transform(frame, strange=StrangeCounts())})
    scaled = found[:, 0] * notes["output"]["deviation"] + notes["output"]["mean"]
    np.testing.assert_allclose(scaled, values, rtol=1e-4, atol=1e-4)


def test_the_network_learns_from_the_codes_that_it_is_asked_with(towns: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    warned("train", towns, *OPTIONS, "-o", out)
    frame = read_frame(towns)
    means = frame.groupby("town")["y"].mean()
    asked = pd.DataFrame({"size": 0.0, "town": means.index})
    values = TableModel.load(out / "model.safetensors").predict(asked)["prediction"]
    assert np.corrcoef(values, means)[0, 1] > 0.97


def test_an_embedding_of_other_codes_is_refused(towns: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    warned("train", towns, *OPTIONS, "--bins", 0, "--epochs", 1, "-o", out)
    file = interop.read_file(out / "model.safetensors")
    encoder = json.loads(file.attachments["encoder"])
    encoder["columns"][1]["state"]["levels"].append("Atlantis")
    interop.save(
        file.module, tmp_path / "m.safetensors", file.facts, {"encoder": json.dumps(encoder).encode()}
    )
    line = refused("predict", tmp_path / "m.safetensors", towns)
    assert line.endswith("expected an embedding of the encoder's codes {1: 62}, got {1: 61}")


def test_an_embedding_needs_a_category(tmp_path: Path) -> None:
    table = iris(tmp_path / "iris.csv")
    line = refused("train", table, "--target", "species", "--embedding", "-o", tmp_path / "out")
    assert line.endswith("'--embedding': expected a column with categories, and there is none")
    assert not (tmp_path / "out").exists()


def test_the_batch_size_is_told_as_it_was_used(tmp_path: Path) -> None:
    frame = pd.read_csv(iris(tmp_path / "iris.csv"))
    frame.iloc[:126].to_csv(tmp_path / "t.csv", index=False)
    # 81 rows to train, of which 20 at a time leave one, that there is no batch normalisation of
    options = ("--target", "species", "--epochs", 1, "--batch-size", 20, "-o", tmp_path / "out")
    report = told("train", tmp_path / "t.csv", *options, "--normalization", "batch")
    assert report["rows"]["train"] % 20 == 1
    assert report["training"]["batch_size"] == 21
    assert told("train", tmp_path / "t.csv", *options)["training"]["batch_size"] == 20


@pytest.mark.parametrize(
    ("rows", "levels"), [(10, 40), (400, 40), (5000, 500), (16_777, 1000), (10**5, 167), (10**7, 40)]
)
def test_levels_with_ten_rows_each_are_categories_as_far_as_memory_goes(rows: int, levels: int) -> None:
    assert automatic_max_levels(rows) == levels


@pytest.mark.parametrize(("rows", "models"), [(10, 4), (40_000, 4), (50_000, 1)])
def test_a_large_table_gets_one_network(rows: int, models: int) -> None:
    assert automatic_models(rows, 100) == models


@pytest.mark.parametrize(
    ("more", "kinds", "features", "models"),
    [
        ([], ["number", "category", "text"], 13, 4),
        (["--max-levels", 40], ["number", "text", "text"], 13, 4),
        (["--models", 1, "--bins", 0], ["number", "category", "text"], 1, 1),
    ],
)
def test_towns_that_repeat_are_levels_and_words_that_do_not_are_text(
    towns: Path, tmp_path: Path, more: list[object], kinds: list[str], features: int, models: int
) -> None:
    frame = pd.read_csv(towns)
    frame["note"] = [f"note {k % 400}" for k in range(len(frame))]
    frame.to_csv(towns, index=False)
    options = ("--target", "y", "--epochs", 1, "--no-importance", "--no-report", "--quiet")
    warned("train", towns, *options, *more, "-o", tmp_path)
    report = json.loads((tmp_path / "report.json").read_text())
    assert [column["kind"] for column in report["columns"]] == kinds
    assert report["columns"][0]["features"] == features
    assert report["network"]["models"] == models


def test_intervals_fit_into_memory() -> None:
    assert [automatic_bins(rows, 10) for rows in (1, 100_000, 400_000, 10**6, 10**7)] == [16, 16, 8, 3, 0]
