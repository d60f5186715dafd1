"""Rows held out by group and by time: nothing that is learned from tells of what is judged by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.shell import told
from effort import draws
from plaingrad.errors import InputError
from plaingrad.tables import Target
from plaingrad.tables.model.rows import Rows, read_rows
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.group import GroupSplit
from plaingrad.tables.splits.parts import Parts, divided, folds, whole
from plaingrad.tables.splits.split import Split
from plaingrad.tables.splits.time import TimeSplit

NUMBERS = Target("y", "regression", "", [], 0.0, 1.0, 0)
CLASSES = Target("y", "classification", "", ["no", "yes"], 0.0, 1.0, 0)
ALONE = ("--models", 1, "--no-importance", "--no-report")  # one network, and nothing of it is shown


def rows_of(split: Split, y: np.ndarray) -> Rows:
    return Rows(pd.DataFrame({"x": np.arange(len(y))}), y, Path("t.csv"), split=split)


def every_parts(rows: Rows, target: Target) -> Iterator[Parts]:
    options = Settings(target="y", cv=3)
    yield divided(rows, target, options)
    yield whole(rows, target, options)
    yield from folds(rows, target, options)


def every_rows(parts: Parts) -> list[Rows]:
    return [part for part in (parts.train, parts.validation, parts.test) if part is not None]


@settings(max_examples=draws(40), deadline=None)
@given(st.lists(st.integers(0, 30), min_size=30, max_size=120), st.booleans(), st.integers(0, 99))
def test_no_group_is_in_two_parts(labels: list[int], classes: bool, seed: int) -> None:
    groups = np.append(labels, np.arange(31, 41))  # with ten more, there are enough for all parts
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, len(groups)) if classes else random.normal(size=len(groups)).astype(np.float32)
    if classes:
        y[-10:] = np.arange(10) % 2
    rows = rows_of(GroupSplit("g", groups), y)
    tested = []
    for number, parts in enumerate(every_parts(rows, CLASSES if classes else NUMBERS)):
        sides = [set(groups[part.frame["x"]]) for part in every_rows(parts)]
        assert sum(map(len, sides)) == len(set.union(*sides))
        assert sum(len(part) for part in every_rows(parts)) == len(rows)
        if number > 1 and parts.test is not None:
            tested += parts.test.frame["x"].tolist()
    assert sorted(tested) == list(range(len(rows)))


@settings(max_examples=draws(40), deadline=None)
@given(st.lists(st.integers(0, 50), min_size=30, max_size=120), st.integers(0, 99))
def test_what_judges_is_newer_than_what_is_learned_from(ticks: list[int], seed: int) -> None:
    times = np.append(ticks, np.arange(51, 61)).astype(float)
    np.random.default_rng(seed).shuffle(times)
    rows = rows_of(TimeSplit("t", times), np.zeros(len(times), np.float32))
    for parts in every_parts(rows, NUMBERS):
        spans = [times[part.frame["x"]] for part in every_rows(parts)]
        assert all(older.max() < newer.min() for older, newer in pairwise(spans))
    windows = [parts.test for parts in folds(rows, NUMBERS, Settings(target="y", cv=3))]
    seen = [times[window.frame["x"]] for window in windows if window is not None]
    assert all(older.max() < newer.min() for older, newer in pairwise(seen))
    assert len(seen) == 3
    assert seen[-1].max() == times.max()


def test_windows_of_distinct_times_are_those_of_scikit_learn() -> None:
    from sklearn.model_selection import TimeSeriesSplit

    times = np.random.default_rng(0).permutation(57).astype(float)
    order, y = np.argsort(times), np.zeros(57, np.float32)
    ours = TimeSplit("t", times).folds(y, NUMBERS, 4, 0)
    for (rest, tested), (first, second) in zip(ours, TimeSeriesSplit(4).split(times)):
        assert set(rest) == set(order[first])
        assert set(tested) == set(order[second])


def test_classes_keep_their_shares_where_groups_allow_it() -> None:
    random = np.random.default_rng(1)
    ill = random.random(100) < 0.1  # by patient: few are
    groups = np.repeat(np.arange(100), 5)
    y = ill[groups].astype(np.int64)
    for seed in range(5):
        _, drawn = GroupSplit("g", groups).divided(y, CLASSES, 0.2, seed)
        assert y[drawn].mean() == pytest.approx(y.mean(), abs=0.03)
    for _, drawn in GroupSplit("g", groups).folds(y, CLASSES, 5, 0):
        assert y[drawn].mean() == pytest.approx(y.mean(), abs=0.03)


@pytest.mark.parametrize("size", [0.1, 0.2, 0.5])
def test_the_newest_rows_are_as_many_as_asked_for_but_for_ties(size: float) -> None:
    times = np.repeat(np.arange(25.0), 4)
    _, drawn = TimeSplit("t", times).divided(np.zeros(100, np.float32), NUMBERS, size, 0)
    assert abs(len(drawn) - 100 * size) <= 2


def test_groups_are_the_cells_and_a_missing_one_stands_alone(tmp_path: Path) -> None:
    cells = ["a", " a", "b", "", "NA", "b"] * 5
    pd.DataFrame({"g": cells, "x": range(30), "y": np.arange(30) % 2}).to_csv(tmp_path / "t.csv", index=False)
    rows, _ = read_rows(tmp_path / "t.csv", Settings(target="y", group="g"))
    assert list(rows.frame.columns) == ["x"]
    assert rows.split.missing == 10
    assert rows.split.part() == {"groups": 12}


def test_rows_without_a_time_are_left_out_and_rows_without_a_target_too(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"day": pd.date_range("2024-01-01", periods=30), "x": range(30), "y": np.arange(30.0)}
    )
    frame.loc[[3, 4], "day"], frame.loc[[4, 7], "y"] = pd.NaT, np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    rows, target = read_rows(tmp_path / "t.csv", Settings(target="y", time="day", task="regression"))
    assert rows.frame["x"].tolist() == [i for i in range(30) if i not in (3, 4, 7)]
    assert (rows.lost, rows.split.missing) == (2, 2)
    parts = divided(rows, target, Settings(target="y"))
    assert parts.split()["test"] == {"first": "2024-01-26", "last": "2024-01-30"}


def test_too_few_groups_and_times_are_refused_by_their_column() -> None:
    y = np.zeros(12, np.float32)
    with pytest.raises(InputError, match="column 'g': too few groups: expected at least two to hold one out"):
        GroupSplit("g", np.zeros(12, int)).divided(y, NUMBERS, 0.2, 0)
    with pytest.raises(InputError, match="column 'g': too few groups: expected at least 3 for as many folds"):
        GroupSplit("g", np.arange(12) % 2).folds(y, NUMBERS, 3, 0)
    with pytest.raises(InputError, match="column 't': too few times: expected older and newer rows, got 12"):
        TimeSplit("t", np.zeros(12)).divided(y, NUMBERS, 0.2, 0)
    with pytest.raises(InputError, match="column 't': too few times that differ: expected at least 4"):
        TimeSplit("t", np.arange(12) % 2.0).folds(y, NUMBERS, 3, 0)


def test_a_class_that_comes_later_tells_nothing_of_when_to_stop() -> None:
    y = np.array([0, 1] * 40 + [2] * 20)
    target = Target("y", "classification", "", ["a", "b", "c"], 0.0, 1.0, 0)
    parts = divided(rows_of(TimeSplit("t", np.arange(100.0)), y), target, Settings(target="y", test_size=0.1))
    assert parts.validation is not None
    assert set(parts.train.codes) == set(parts.validation.codes) == {0, 1}
    with pytest.raises(
        InputError, match="expected training rows of at least two classes of 'y', got 'a' alone"
    ):
        divided(
            rows_of(TimeSplit("t", np.arange(100.0)), np.sort(y)), target, Settings(target="y", test_size=0.7)
        )


def test_a_split_by_patient_is_chance_where_one_at_random_is_perfect(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    centre, label = random.normal(size=(200, 6)), random.random(200) < 0.5
    patient = np.repeat(np.arange(200), 15)
    frame = pd.DataFrame(centre[patient] + 0.1 * random.normal(size=(3000, 6))).add_prefix("x")
    frame.assign(patient=patient, ill=label[patient]).sample(frac=1, random_state=0).to_csv(
        tmp_path / "groups.csv", index=False
    )
    common = ("train", tmp_path / "groups.csv", "--target", "ill", "-o", tmp_path / "out", *ALONE)
    options = ("--epochs", 15, "--lr", 0.01, "--dropout", 0)
    assert told(*common, *options, "--ignore", "patient")["test"]["scores"]["accuracy"] > 0.98
    report = told(*common, *options, "--group", "patient")
    assert 0.3 < report["test"]["scores"]["accuracy"] < 0.7
    assert report["split"]["parts"] == {
        "train": {"groups": 128},
        "validation": {"groups": 32},
        "test": {"groups": 40},
    }
    low, high = report["test"]["intervals"]["accuracy"]
    assert high - low > 0.15  # of 40 groups; of 600 rows it would be half as wide
    assert "no other part has a row of their 40 groups of 'patient'" in report["judged_by"]
    folded = told(*common, *options, "--group", "patient", "--cv", 2)
    assert 0.3 < folded["test"]["scores"]["accuracy"] < 0.7


def test_a_series_is_judged_by_its_newest_rows(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    days = pd.date_range("2015-01-01", periods=1500)
    level = np.cumsum(random.normal(size=1500)) + 0.05 * np.arange(1500)
    pd.DataFrame({"day": days, "yesterday": np.roll(level, 1), "sales": level}).iloc[1:].to_csv(
        tmp_path / "series.csv", index=False
    )
    common = ("train", tmp_path / "series.csv", "--target", "sales", "-o", tmp_path / "out", "--epochs", 20)
    options = ("--lr", 0.01, *ALONE, "--ignore", "yesterday")
    flattered = told(*common, *options)["test"]["scores"]["r2"]
    report = told(*common, *options, "--time", "day")
    assert flattered > 0.9
    assert report["test"]["scores"]["r2"] < 0.5
    assert report["split"]["parts"]["test"]["last"] == "2019-02-08"
    assert "they are the newest by 'day', from 2018-04-15 to 2019-02-08" in report["judged_by"]
    windows = told(*common, *options, "--time", "day", "--cv", 3)
    assert windows["test"]["rows"] == 3 * (1499 // 4)
    assert "3 expanding windows of 'day'" in windows["judged_by"]
