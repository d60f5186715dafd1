"""The order of classes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaingrad.tables import Target
from plaingrad.tables.columns.order import SCALES, median_class


@pytest.mark.parametrize(
    ("values", "order", "labels"),
    [
        (["b", "a", "c"] * 4, ["c", "a", "b"], ["c", "a", "b"]),
        (["b", "a"] * 4, ["c", "a", "b"], ["a", "b"]),
        ([3, 1, 20] * 4, None, [1, 3, 20]),
        (["3", "1", "20"] * 4, None, [1, 3, 20]),
        ([3, 1, 20] * 4, ["20", "3", "1"], [20, 3, 1]),
        ([0.5, 1.5] * 4, None, [0.5, 1.5]),
        (["High", "low", "MEDIUM"] * 4, None, ["low", "MEDIUM", "High"]),
        (["very_good", "poor", "fair"] * 4, None, ["poor", "fair", "very_good"]),
        ([True, False] * 4, None, [False, True]),
        (pd.Categorical(["b", "a"] * 4, ["b", "a"], ordered=True), None, ["b", "a"]),
    ],
)
def test_classes_are_in_their_order(values: object, order: list[str] | None, labels: list[object]) -> None:
    series = pd.Series(values, name="y")
    target = Target.of(series, task="ordinal", order=order)
    assert (target.task, target.labels) == ("ordinal", labels)
    codes = target.encode(series)
    assert [str(label) for label in target.decode(codes)] == [str(value) for value in values]  # type: ignore[attr-defined]
    assert Target.from_dict(target.to_dict()) == target
    above = target.learned(codes)
    np.testing.assert_array_equal(above if len(labels) == 2 else above.sum(1), codes)


def test_a_data_frame_says_that_its_categories_are_ordered() -> None:
    ordered = pd.Series(pd.Categorical(["b", "a", "c"] * 4, ["c", "b", "a"], ordered=True), name="y")
    target = Target.of(ordered)
    assert (target.task, target.labels) == ("ordinal", ["c", "b", "a"])
    arrow = ordered.astype(pd.ArrowDtype(pa.dictionary(pa.int8(), pa.string(), ordered=True)))
    assert Target.of(arrow).task == "ordinal"
    assert Target.of(ordered, task="classification").labels == ["a", "b", "c"]
    assert Target.of(ordered.cat.as_unordered()).task == "classification"


@pytest.mark.parametrize(
    ("values", "task", "order", "message"),
    [
        (["b", "a"] * 4, "ordinal", None, r"an order of the classes 'a', 'b' of 'y', got none; name it, low"),
        (["b", "a"] * 4, "ordinal", ["a", "c"], r"order: expected all classes of 'y', got none of 'b'"),
        (["b", "a"] * 4, "classification", ["a", "b"], "expected the task ordinal with it"),
        ([1, 2] * 4, "regression", ["1", "2"], "expected the task ordinal with it"),
        ([1.5, 2.5, 3], "ordinal", None, "two rows of each class .* --task regression predicts a number"),
    ],
)
def test_an_order_that_is_none(
    values: list[object], task: str, order: list[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Target.of(pd.Series(values, name="y"), task=task, order=order)  # type: ignore[arg-type]


def test_no_usual_scale_contradicts_another() -> None:
    for scale in SCALES:
        for other in SCALES:
            shared = [word for word in scale if word in other]
            assert shared == [word for word in other if word in scale]


@given(st.lists(st.floats(0.01, 1), min_size=2, max_size=8))
def test_the_median_is_off_by_the_fewest_classes_on_average(weights: list[float]) -> None:
    probabilities = np.array([weights]) / sum(weights)
    ranks = np.arange(len(weights))
    off = np.abs(ranks[:, None] - ranks) @ probabilities[0]
    assert off[median_class(probabilities)[0]] == pytest.approx(off.min())
