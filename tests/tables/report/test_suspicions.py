"""Suspicions of a score that flatters: raised where it does, and on no set of which nothing is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bokeh_sampledata.titanic import data as TITANIC
from sklearn import datasets

from cli.shell import run
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.rows import read_rows
from plaingrad.tables.report.suspicions import Clues, Suspicion, repeated_rows
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import divided

RANDOM = np.random.default_rng(0)


def suspected(
    frame: pd.DataFrame, target: str, path: Path, score: float = 1.0, **options: object
) -> tuple[list[Suspicion], dict[str, int]]:
    """The suspicions if a network had this score, and the rows that stand in both parts."""
    frame.to_csv(path / "t.csv", index=False)
    settings = Settings(target=target, **options)  # type: ignore[arg-type]
    rows, known = read_rows(path / "t.csv", settings)
    parts = divided(rows, known, settings)
    encoded = Encoded.of(parts, settings)
    repeated = repeated_rows(encoded.train, encoded.test)
    return list(Clues(rows, known, parts, settings).suspicions(score, repeated)), repeated


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer", "diabetes", "digits", "titanic"])
def test_no_alarm_on_sound_sets_even_at_a_perfect_score(name: str, tmp_path: Path) -> None:
    frame = TITANIC if name == "titanic" else getattr(datasets, f"load_{name}")(as_frame=True).frame
    suspicions, _ = suspected(frame, "survived" if name == "titanic" else "target", tmp_path)
    assert suspicions == []


def test_the_row_that_iris_has_twice_is_counted(tmp_path: Path) -> None:
    frame = datasets.load_iris(as_frame=True).frame
    counts = [suspected(frame, "target", tmp_path, seed=seed)[1] for seed in range(4)]
    assert {count["rows"] for count in counts} == {0, 1}
    assert all(count["same_target"] == count["rows"] and count["of"] == 30 for count in counts)


def patients(as_text: bool, flips: float = 0.0) -> pd.DataFrame:
    label, patient = RANDOM.random(100) < 0.5, np.repeat(np.arange(100), 10)
    ill = label[patient] ^ (RANDOM.random(1000) < flips)
    names = [f"P{i}" for i in patient] if as_text else patient
    age, x = RANDOM.integers(20, 80, 1000), RANDOM.normal(size=1000)
    return pd.DataFrame({"patient": names, "age": age, "x": x, "ill": ill})


@pytest.mark.parametrize("as_text", [True, False])
def test_a_group_that_tells_the_target_is_named(as_text: bool, tmp_path: Path) -> None:
    suspicions, _ = suspected(patients(as_text), "ill", tmp_path)
    assert [(each.kind, each.column) for each in suspicions] == [("group", "patient")]
    assert "--group 'patient'" in suspicions[0].words
    assert suspected(patients(as_text), "ill", tmp_path, group="patient")[0] == []


def test_a_target_that_differs_within_groups_is_suspect_at_a_perfect_score_alone(tmp_path: Path) -> None:
    frame = patients(True, flips=0.05)
    assert [each.column for each in suspected(frame, "ill", tmp_path, 0.99)[0]] == ["patient"]
    assert suspected(frame, "ill", tmp_path, 0.9)[0] == []


@pytest.mark.parametrize(
    "leak",
    [
        lambda y: y * 1000 + 7,
        lambda y: np.where(y > 0, "high", "low"),
        lambda y: np.sign(y),
    ],
)
@pytest.mark.parametrize("classes", [True, False])
def test_a_column_that_tells_the_target_alone_is_named(
    leak: Callable[[np.ndarray], np.ndarray], classes: bool, tmp_path: Path
) -> None:
    y = RANDOM.normal(size=800)
    x = y + 2 * RANDOM.normal(size=800)
    frame = pd.DataFrame({"x": x, "leak": leak(y), "y": (y > 0) if classes else y})
    suspicions, _ = suspected(frame, "y", tmp_path)
    tells = classes or np.unique(frame["leak"]).size > 3
    assert [(each.kind, each.column) for each in suspicions] == [("column", "leak")] * tells


def test_dates_and_a_random_split_are_suspect_and_a_time_that_is_learned_from(tmp_path: Path) -> None:
    days = pd.date_range("2020-01-01", periods=200)
    frame = pd.DataFrame({"day": days, "x": RANDOM.normal(size=200), "y": RANDOM.normal(size=200)})
    for options, column, words in (
        ({}, "day", "--time 'day' tells how good it is"),
        ({"time": "day"}, "day", "--ignore 'day' leaves the column out"),
    ):
        (suspicion,), _ = suspected(frame, "y", tmp_path, **options)
        assert (suspicion.kind, suspicion.column) == ("time", column)
        assert words in suspicion.words
    assert suspected(frame, "y", tmp_path, time="day", ignore=["day"])[0] == []


def test_copied_rows_are_suspect(tmp_path: Path) -> None:
    frame = pd.DataFrame(RANDOM.normal(size=(300, 3)), columns=["a", "b", "y"])
    suspicions, repeated = suspected(pd.concat([frame, frame]), "y", tmp_path, 0.5)
    assert [each.kind for each in suspicions] == ["rows"]
    assert repeated["rows"] == repeated["same_target"] > 60
    unlike = pd.concat([frame, frame.assign(y=frame["y"] + 1)])
    suspicions, repeated = suspected(unlike, "y", tmp_path, 0.5)
    assert (suspicions, repeated["same_target"]) == ([], 0)
    assert repeated["rows"] > 60


def test_suspicions_are_warnings_and_stand_in_both_reports(tmp_path: Path) -> None:
    patients(True).to_csv(tmp_path / "t.csv", index=False)
    result = run("train", tmp_path / "t.csv", "--target", "ill", "-o", tmp_path / "out", "--epochs", 1)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    (suspicion,) = report["suspicions"]
    assert result.stderr == f"warning: {suspicion['words']}\n"
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<h2>Is the score real?</h2>" in page
    assert "<li>patient: its values repeat" in page
    assert report["split"]["repeated_rows"]["of"] == 200
