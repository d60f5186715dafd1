"""`plaingrad train` on tables in several files, and on such as do not fit into memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from cli.shell import refused, run, succeed, told, warned
from plaingrad.tables import TableModel
from plaingrad.tables.mapped import memory, pieces, sample, training
from plaingrad.tables.settings import Settings

ROWS = 3000


def table(task: str = "classes", rows: int = ROWS) -> pd.DataFrame:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({"a": random.normal(3, 2, rows), "b": random.choice(["x", "y", "z"], rows)})
    score = frame["a"] - 3 + (frame["b"] == "z")
    frame["c"] = random.integers(0, 50, rows)
    numbers = np.exp(score / 3) + 0.01 * random.random(rows)
    frame["y"] = np.where(score > 0, "up", "down") if task == "classes" else numbers
    return frame


def in_files(frame: pd.DataFrame, folder: Path, count: int = 3) -> Path:
    folder.mkdir(exist_ok=True)
    for i, part in enumerate(np.array_split(np.arange(len(frame)), count)):
        frame.iloc[part].to_csv(folder / f"part-{i}.csv", index=False)
    return folder


@pytest.fixture
def little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory for a tenth of the rows."""
    monkeypatch.setattr(memory, "available", lambda: 1000.0)
    monkeypatch.setattr(sample, "sample_size", lambda columns: 600)


OPTIONS = ("--target", "y", "--epochs", 8, "--hidden", "8", "--lr", 0.01, "--no-report")


def test_a_folder_and_a_pattern_are_the_table_in_one_file(tmp_path: Path) -> None:
    frame = table(rows=300)
    frame.to_csv(tmp_path / "t.csv", index=False)
    folder = in_files(frame, tmp_path / "parts")
    reports = [
        told("train", data, *OPTIONS, "-o", tmp_path / f"out{i}")
        for i, data in enumerate((tmp_path / "t.csv", folder, folder / "part-*.csv"))
    ]
    for report in reports[1:]:
        assert report["test"] == reports[0]["test"]
        assert report["rows"] == reports[0]["rows"]


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("t.csv", "t"),
        ("in/part-*.csv", "part"),
        ("in/*.csv", "table"),
        ("in", "in"),
        ("in/part-?.csv", "part"),
    ],
)
def test_the_folder_of_the_output_has_a_name(tmp_path: Path, data: str, name: str) -> None:
    from plaingrad.cli.train import _name

    (tmp_path / "in").mkdir()
    assert _name(tmp_path / data) == name


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_a_table_that_does_not_fit_is_trained_on_from_a_file(tmp_path: Path, task: str) -> None:
    frame = table(task)
    frame.loc[[5, 1700], "y"] = None
    folder = in_files(frame, tmp_path / "parts")
    text = warned("train", folder, *OPTIONS, "-o", tmp_path / "out")
    assert "3,000 rows, more than memory holds: 600 of them decide what the columns are" in text
    assert "2 rows without 'y' left out" in text
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    rows = report["rows"]
    assert rows["without_target"] == 2
    assert rows["train"] + rows["validation"] + rows["test"] == ROWS - 2
    assert 100 <= rows["test"] <= 120
    score = report["test"]["scores"]["accuracy" if task == "classes" else "r2"]
    assert score > 0.9
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "history.json", "model.safetensors", "report.json",
    ]  # fmt: skip
    model = TableModel.load(tmp_path / "out" / "model.safetensors")
    whole = frame["a"]
    assert model.encoder.used_["a"].mean == pytest.approx(whole.mean(), rel=0.02)
    if task == "numbers" and model.target.log_scale is None:
        assert model.target.mean == pytest.approx(frame["y"].mean(), rel=0.03)


@pytest.mark.usefixtures("little_memory")
def test_rows_held_out_are_not_trained_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table()
    frame["a"] = np.arange(ROWS) * 1.0  # each row has its own number
    frame.loc[10, "y"] = None
    in_files(frame, tmp_path / "parts")
    seen: dict[str, Any] = {}
    encoded = training.LargeTable.encoded

    def watched(self: Any, parts: Any, *others: Any) -> Any:
        result, target = encoded(self, parts, *others)
        seen.update(result=result, parts=parts)
        return result, target

    monkeypatch.setattr(training.LargeTable, "encoded", watched)
    succeed("train", tmp_path / "parts", *OPTIONS, "-o", tmp_path / "out", "--max-time", 0.01)
    result, parts = seen["result"], seen["parts"]
    column = result.encoder.names_.index("a")
    number = result.encoder.used_["a"]

    def numbers(X: np.ndarray) -> np.ndarray:
        return np.round(X[:, column] * number.deviation + number.mean).astype(int)

    trained, held_out = (
        numbers(result.train.X),
        [numbers(part.X) for part in (result.validation, result.test)],
    )
    everything = np.concatenate([trained, *held_out])
    assert sorted(everything) == sorted(set(range(ROWS)) - {10})
    labels = frame["y"].to_numpy()[trained]
    assert (np.array(["down", "up"])[result.train.y] == labels).all()
    # What baselines are trained on are training rows, by their numbers among them.
    mine = parts.train.frame["a"].to_numpy()
    assert (trained[result.raw.indices] == np.round(mine)).all()


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize(
    "option", ["--cv 2", "--group b", "--time c", "--weight c", "--embedding", "--test t.csv"]
)
def test_what_needs_the_whole_table_is_refused_by_name(tmp_path: Path, option: str) -> None:
    folder = in_files(table(), tmp_path / "parts")
    line = refused("train", folder, *OPTIONS, "-o", tmp_path / "out", *option.split())
    name = option.split()[0].removeprefix("--")
    assert f"'--{name}': expected none for {folder}, which does not fit into memory" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.usefixtures("little_memory")
def test_an_interrupted_run_leaves_its_rows_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plaingrad.tables import run as module

    folder = in_files(table(), tmp_path / "parts")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "_trained", interrupt)
        run("train", folder, *OPTIONS, "-o", tmp_path / "out", "--quiet")
    kept = tmp_path / "out" / training.FOLDER
    assert len(list(kept.iterdir())) == 3
    with monkeypatch.context() as patch:
        patch.setattr(training.cache, "write", None)
        succeed("train", folder, *OPTIONS, "-o", tmp_path / "out")
    assert not kept.exists()


@pytest.mark.usefixtures("little_memory")
def test_a_run_that_fails_leaves_nothing(tmp_path: Path) -> None:
    frame = table()
    frame.loc[2999, "a"] = np.inf
    folder = in_files(frame, tmp_path / "parts")
    line = refused("train", folder, *OPTIONS, "-o", tmp_path / "out")
    assert "part-2.csv: column 'a': expected a finite number, got inf in row 1000" in line
    assert not (tmp_path / "out").exists()


def test_the_memory_that_is_needed_is_estimated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table(rows=1000)
    frame.to_parquet(tmp_path / "t.parquet")
    frame.to_csv(tmp_path / "t.csv", index=False)
    settings = Settings(target="y")
    columnar = pieces.Pieces.of(tmp_path / "t.parquet", settings.reading)
    text = pieces.Pieces.of(tmp_path / "t.csv", settings.reading)
    assert memory.needed(columnar) == 40 * 4 * 1000
    assert memory.needed(text) == 6 * (tmp_path / "t.csv").stat().st_size
    assert memory.available() > 1e6
    assert memory.fits(columnar)
    monkeypatch.setattr(memory, "available", lambda: 100_000)
    assert not memory.fits(columnar)
    assert training.larger_than_memory(tmp_path / "t.parquet", settings) is not None
    assert training.larger_than_memory(tmp_path / "none.csv", settings) is None  # which reading it says
    assert training.larger_than_memory(Path("-"), settings) is None


def test_a_pattern_without_files_is_refused(tmp_path: Path) -> None:
    line = refused("train", tmp_path / "none-*.csv", *OPTIONS, "-o", tmp_path / "out")
    assert "none-*.csv: no file has such a name" in line
