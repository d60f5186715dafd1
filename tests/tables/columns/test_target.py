"""What a column asks for when it is to be predicted."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from bokeh_sampledata import titanic
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets

from effort import draws
from plaingrad.tables import Target


def series(values: object) -> pd.Series:
    return pd.Series(values, name="y", dtype=object if isinstance(values, list) and not values else None)


@pytest.mark.parametrize(
    ("values", "task", "labels", "reason"),
    [
        (["no", "yes"] * 10, "classification", ["no", "yes"], "'y' has 2 distinct texts"),
        (["NA", " a ", "a", "NA"], "classification", ["NA", "a"], "'y' has 2 distinct texts"),
        ([True, False] * 10, "classification", [False, True], "'y' is true or false"),
        ([2, 10] * 10, "classification", [2, 10], "'y' has only 2 distinct integers"),
        ([2.0, 10.0] * 10, "classification", [2, 10], "'y' has only 2 distinct integers"),
        (["2", "10", "NA"] * 10, "classification", [2, 10], "'y' has only 2 distinct integers"),
        ([0.5, 10.0] * 10, "regression", [], "'y' has fractional numbers"),
        (["0.5", "10"] * 10, "regression", [], "'y' has fractional numbers"),
        (list(range(20)), "regression", [], "'y' has 20 distinct integers"),
        (
            [k % 20 for k in range(100)],
            "classification",
            list(range(20)),
            "'y' has only 20 distinct integers",
        ),
        ([k % 21 for k in range(210)], "regression", [], "'y' has 21 distinct integers"),
        (pd.Categorical(["b", "a"] * 5), "classification", ["a", "b"], "'y' has 2 distinct texts"),
    ],
)
def test_the_target_decides_the_task(values: object, task: str, labels: list[object], reason: str) -> None:
    target = Target.of(series(values))
    assert (target.task, target.labels, target.reason) == (task, labels, reason)
    assert [type(label) for label in target.labels] == [type(label) for label in labels]
    assert Target.of(pl.from_pandas(series(values)), task=None) == target
    assert Target.from_dict(json.loads(json.dumps(target.to_dict()))) == target


@pytest.mark.parametrize(
    "values",
    [
        ["b", "a", "c"] * 4,
        [True, False, True] * 4,
        [30, 10, 20] * 4,
        [0.5, 1.5, 0.5] * 4,
        ["NA", "None", "x"] * 4,
    ],
)
def test_classes_of_any_type_come_back(values: list[object]) -> None:
    column = series(values)
    target = Target.of(column, task="classification")
    codes = target.encode(column)
    assert codes.dtype == np.int64
    assert target.decode(codes).tolist() == values
    assert target.encode(column.astype(str)).tolist() == codes.tolist()
    assert target.class_names == [str(label) for label in target.labels]


@settings(max_examples=draws(100), deadline=None)
@given(st.lists(st.floats(-1e30, 1e30, allow_subnormal=False), min_size=3, max_size=30, unique=True))
def test_values_are_standardised_and_come_back(values: list[float]) -> None:
    if not np.abs(values).max() >= 1e-100:
        return
    target = Target.of(series(values), task="regression")
    encoded = target.encode(series(values))
    assert (encoded.dtype, encoded.shape) == (np.float64, (len(values), 1))
    assert np.isfinite(encoded).all()
    span = np.abs(values).max()
    np.testing.assert_allclose(target.undo(encoded)[:, 0] / span, np.array(values) / span, atol=1e-5)


def test_rows_without_a_target_are_counted_and_can_be_dropped() -> None:
    column = series(["a", None, "b", " ", "a", "b"])
    target = Target.of(column)
    assert target.missing == 2
    assert target.present(column).tolist() == [True, False, True, False, True, True]
    assert target.encode(column[target.present(column)]).tolist() == [0, 1, 0, 1]
    with pytest.raises(ValueError, match="the target 'y' is missing in row 2"):
        target.encode(column)


def test_real_targets() -> None:
    assert Target.of(titanic.data["survived"]).labels == [0, 1]
    assert Target.of(titanic.data["age"]).missing == 557
    assert Target.of(datasets.load_diabetes(as_frame=True).target).task == "regression"
    assert Target.of(datasets.load_digits().target, "digit").labels == list(range(10))


@pytest.mark.parametrize(
    ("values", "task", "message"),
    [
        ([], None, "the target 'y' has no value"),
        ([None, None], None, "the target 'y' has no value"),
        (["a"] * 5, None, "expected two classes or more in the target 'y', got only 'a'"),
        ([1, 1, 1], None, "expected two classes or more in the target 'y', got only '1'"),
        (["a", "b", "a"], None, "at least two rows of each class of 'y', got one of 'b' in row 2"),
        (
            ["a", "b", "a", "c", "d"],
            None,
            r"got one of 'b' and of 2 other classes, the first in row 2",
        ),
        ([2.5] * 5, None, "expected the target 'y' to vary, got 2.5 in every row"),
        ([1.5, np.inf, 2], None, "column 'y': expected a finite number, got inf in row 2"),
        ([1.5, -1e300], None, r"'y' in other units: its largest absolute value 1e\+300 is not between"),
        ([1e-200, 1.5e-200], None, "'y' in other units: its largest absolute value 1.5e-200 is not between"),
        (["yes", "no"], "regression", "regression needs a numeric target, got 'yes' in 'y'"),
        ([True, False], "regression", "regression needs a numeric target, got True in 'y'"),
        (["a", "b"], "ranking", "task: expected 'classification', 'ordinal' or 'regression', got 'ranking'"),
        (pd.date_range("2020-01-01", periods=4), None, "'y' to be classes or numbers, got dates"),
        (["2020-01-01", "2020-02-01"], None, "'y' to be classes or numbers, got dates"),
        (
            [[1], [2]],
            None,
            r"column 'y': expected a number, a truth value, a date or text, got \[1\] in row 1",
        ),
    ],
)
def test_a_target_that_cannot_be_predicted(values: object, task: str | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Target.of(series(values), task=task)  # type: ignore[arg-type]


def test_what_is_no_series() -> None:
    with pytest.raises(ValueError, match="expected a pandas or polars series, got DataFrame"):
        Target.of(titanic.data)


@pytest.mark.parametrize(
    ("fitted", "other", "message"),
    [
        (["a", "b"] * 2, ["a", "c"], "column 'y': expected one of the classes 'a', 'b', got 'c' in row 2"),
        ([True, False] * 2, [True, 2], "column 'y': expected true or false, got"),
        ([1, 2] * 2, [1, 3], "column 'y': expected one of the classes 1, 2, got '3' in row 2"),
        ([1, 2] * 2, [1, "x"], "column 'y': expected a number, got 'x' in row 2"),
        ([0.5, 1.5], [0.5, "x"], "column 'y': expected a number, got 'x' in row 2"),
    ],
)
def test_other_rows_have_to_fit(fitted: list[object], other: list[object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Target.of(series(fitted)).encode(series(other))


@pytest.mark.parametrize(
    "change",
    [
        {"task": "ranking"},
        {"labels": []},
        {"labels": ["a"]},
        {"labels": ["a", 1]},
        {"labels": ["a", "a"]},
        {"labels": [["a"], ["b"]]},
        {"labels": [1, float("nan")]},
        {"deviation": 0.0},
        {"mean": None},
        {"missing": -1},
        {"more": 1},
    ],
)
def test_altered_facts_are_refused(change: dict[str, object]) -> None:
    facts = Target.of(series(["a", "b"] * 2)).to_dict()
    with pytest.raises(ValueError, match=r"^target: "):
        Target.from_dict({**facts, **change})
    with pytest.raises(ValueError, match=r"^target:\ Expected\ `object`,\ got\ `array`"):
        Target.from_dict([])
