"""Which columns matter."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console
from sklearn import metrics
from sklearn.inspection import permutation_importance

from cli.shell import diabetes, iris, titanic, told
from effort import draws
from plaingrad.tables.model.progress import counted
from plaingrad.tables.report.grids import importance_grid
from plaingrad.tables.report.importance import affordable, importance
from tables.models import learned


@pytest.mark.parametrize(
    "options", [{}, {"models": 2}, {"embedding": True}, {"class_weight": ["balanced"]}, {"hidden": ()}]
)
def test_the_importance_is_scikit_learns_of_the_original_columns(
    tmp_path: Path, options: dict[str, object]
) -> None:
    model, parts, encoded = learned(titanic(tmp_path / "t.csv"), "survived", **options)
    test = parts.test
    assert test is not None
    assert encoded.test is not None

    class Whole:
        """Encodes and predicts anew for every shuffled table."""

        classes_ = np.arange(2)

        def fit(self) -> None: ...

        def score(self, frame: object, codes: np.ndarray) -> float:
            exact = model.predict(frame).filter(like="probability_").to_numpy(float)
            return -metrics.log_loss(codes, exact / exact.sum(1, keepdims=True), labels=[0, 1])

    frame = test.frame[model.columns]
    theirs = permutation_importance(
        Whole(), frame, test.codes, scoring=Whole.score, n_repeats=5, random_state=7
    )
    ours = importance(model, encoded.test, 7)
    assert (ours.rows, ours.repeats) == (len(test), 5)
    for name, mean, deviation in zip(model.columns, theirs.importances_mean, theirs.importances_std):
        assert ours.columns[name] == pytest.approx((mean, deviation), abs=1e-5)
    assert list(ours.columns) == sorted(ours.columns, key=lambda name: -ours.columns[name][0])
    assert "sex" in list(ours.columns)[:3]


def test_the_importance_for_numbers_is_scikit_learns(tmp_path: Path) -> None:
    model, _, encoded = learned(diabetes(tmp_path / "d.csv"), "progression")
    test = encoded.test
    assert test is not None

    class Whole:
        def fit(self) -> None: ...

        def score(self, X: np.ndarray, codes: np.ndarray) -> float:
            undo = model.target.undo
            return float(metrics.r2_score(undo(codes), undo(model.outputs(X.astype(np.float32))[:, 0])))

    theirs = permutation_importance(Whole(), test.X, test.y, scoring=Whole.score, random_state=3)
    ours = importance(model, test, 3)
    for name, mean, deviation in zip(model.columns, theirs.importances_mean, theirs.importances_std):
        assert ours.columns[name] == pytest.approx((mean, deviation), abs=1e-5)


@pytest.mark.parametrize(
    ("rows", "columns", "parameters", "wanted"),
    [(5000, 10, 5000, (2000, 5)), (60, 1000, 4000, (60, 5)), (60, 10**6, 4000, (10, 1))],
)
def test_many_columns_are_shuffled_as_often_as_can_be_afforded(
    rows: int, columns: int, parameters: int, wanted: tuple[int, int]
) -> None:
    assert affordable(rows, columns, columns * parameters) == wanted


@settings(max_examples=draws(200))
@given(st.integers(1, 10**5), st.integers(1, 20_000), st.integers(1, 10**7))
def test_shuffling_is_bounded(rows: int, columns: int, parameters: int) -> None:
    some, repeats = affordable(rows, columns, columns * parameters)
    assert 1 <= some <= min(rows, 2000)
    assert 1 <= repeats <= 5
    spent = repeats * columns * (some * parameters + 2 * 10**6)
    assert spent <= 1e11 or (some, repeats) == (min(10, rows), 1)


def test_what_is_shuffled_less_is_told() -> None:
    columns = [{"name": "x", "mean": 0.5, "deviation": 0.0}]
    facts = {"measure": "drop of R²", "rows": 45, "of_rows": 2000, "repeats": 1, "columns": columns}
    grid = importance_grid(facts)
    assert grid.rows == [["x", "0.500"]]
    assert "shuffled, once, on 45 of the 2,000 rows" in grid.note


def test_the_importance_can_be_left_out(tmp_path: Path) -> None:
    train = ("train", iris(tmp_path / "i.csv"), "--target", "species", "--epochs", 1, "-o", tmp_path / "out")
    report = told(*train, "--no-importance", "--save-config", tmp_path / "c.toml")
    assert report["importance"]["columns"] == []
    assert "importance = false" in (tmp_path / "c.toml").read_text()
    assert told("train", "--config", tmp_path / "c.toml")["importance"]["columns"] == []
    assert told("train", "--config", tmp_path / "c.toml", "--importance")["importance"]["repeats"] == 5


def test_a_terminal_sees_how_many_columns_are_shuffled() -> None:
    out = io.StringIO()
    with counted(Console(file=out, force_terminal=True, width=100), "shuffling") as progress:
        progress(3, 12)
    assert "3/12" in out.getvalue()


def test_columns_matter_for_a_quantile_by_its_pinball_loss(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    x, noise = random.uniform(size=(2, 400))
    pd.DataFrame({"x": x, "noise": noise, "y": 9 * x + random.normal(size=400)}).to_csv(
        tmp_path / "t.csv", index=False
    )
    options = ("--target", "y", "--loss", "quantile", "--quantile", 0.9, "--lr", 0.01, "--epochs", 40)
    report = told("train", tmp_path / "t.csv", *options, "-o", tmp_path / "out")
    found = report["importance"]
    assert found["measure"] == "growth of the pinball loss"
    assert [each["name"] for each in found["columns"]] == ["x", "noise"]
    assert found["columns"][0]["mean"] > report["test"]["scores"]["pinball"]
    assert abs(found["columns"][1]["mean"]) < 0.2 * report["test"]["scores"]["pinball"]
