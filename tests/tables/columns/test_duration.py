"""Durations written as text."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaingrad.errors import InputError
from plaingrad.tables import TableEncoder, Target
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.duration import seconds
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema

SPANS = st.integers(-(10**7), 10**7).map(lambda n: datetime.timedelta(seconds=n))
UNITS = ("days", "hours", "minutes", "seconds")


def meaning(cells: list[str], name: str = "x") -> Meaning:
    return Meaning.of(pd.DataFrame({name: pd.Series(cells, dtype="str")}))


@given(SPANS)
def test_what_python_and_pandas_write_is_read_back(span: datetime.timedelta) -> None:
    written = pd.Timedelta(span)
    for text in (str(written), str(span), written.isoformat()):
        assert seconds(text) == span.total_seconds(), text


@given(
    st.lists(st.tuples(st.integers(0, 99), st.sampled_from(UNITS)), min_size=1),
    st.sampled_from(["", " ", ", "]),
)
def test_parts_with_units_are_added(parts: list[tuple[int, str]], between: str) -> None:
    written = between.join(f"{n} {unit}" for n, unit in parts)
    assert seconds(written) == sum(datetime.timedelta(**{unit: n}).total_seconds() for n, unit in parts)
    short = between.join(f"{n}{unit[0]}" for n, unit in parts)
    assert seconds(short) == seconds(written)


@pytest.mark.parametrize(
    "text", ["", "5", "P", "PT", "3h 5", "1:60:00", "3 apples", "h", "5 minutes ago", "1:2:3"]
)
def test_other_texts_are_none(text: str) -> None:
    assert np.isnan(seconds(text, "m:ss"))


@pytest.mark.parametrize(
    ("written", "two_parts"),
    [
        ("{0}h {1}m", "h:mm:ss"),
        ("{0} hours, {1} minutes", "h:mm:ss"),
        ("PT{0}H{1}M", "h:mm:ss"),
        ("{0}:{1:02}:00", "h:mm:ss"),
        ("{0}:{1:02}", "m:ss"),
    ],
)
def test_a_column_of_durations_is_one(written: str, two_parts: str) -> None:
    cells = [written.format(i % 40, i % 60) for i in range(60)]
    found = meaning([*cells, "-", "never"])
    assert found.schema["x"] == ColumnSchema("duration", durations=two_parts, missing=("-",))
    assert [(each.count, list(each.values)) for each in found.strange] == [(1, ["never"])]
    factor = 1 if two_parts == "m:ss" else 60
    assert found.frame["x"][:60].tolist() == [factor * (60 * (i % 40) + i % 60) for i in range(60)]
    assert found.frame["x"][60:].isna().all()
    assert len(found.doubts) == (two_parts == "m:ss")


def test_times_of_day_stay_such() -> None:
    assert meaning([f"{i % 24}:{i:02}" for i in range(60)]).schema["x"].kind == "date"
    assert meaning([f"{i % 24:02}:{i:02}:30" for i in range(60)]).schema["x"].kind == "date"


def test_the_name_decides_what_two_parts_are() -> None:
    cells = [f"{i % 30}:{i:02}" for i in range(60)]
    assert meaning(cells, "hours worked").schema["hours worked"].durations == "h:mm"
    assert meaning([f"{i % 9}:{i:02}" for i in range(60)], "duration").schema["duration"].durations == "m:ss"
    beside = [*cells, "1:02:03"]
    assert meaning(beside, "hours worked").schema["hours worked"].durations == "m:ss"
    assert meaning(beside).doubts == []


@pytest.mark.parametrize("cells", [["2 days", "1 week", "3 weeks"], ["3d", "4s", "5h"], ["5 m", "7 m"]])
def test_levels_stay_levels(cells: list[str]) -> None:
    assert meaning(cells * 20).schema["x"].kind == "text"


def test_ages_of_animals_are_durations() -> None:
    cells = [f"{n} {unit}{'s' * (n > 1)}" for n in range(1, 9) for unit in ("day", "week", "month", "year")]
    assert meaning(cells, "age").schema["age"].kind == "duration"


def test_the_encoder_tells_and_keeps_it() -> None:
    frame = pd.DataFrame({"elapsed": [f"{i}h {i}m" for i in range(60)]})
    encoder = TableEncoder().fit(frame)
    (choice,) = encoder.choices()
    assert (choice.kind, choice.done) == ("duration", "in seconds, standardised")
    again = TableEncoder.from_bytes(encoder.to_bytes())
    np.testing.assert_array_equal(again.transform(frame), encoder.transform(frame))
    spans = pd.DataFrame({"elapsed": pd.to_timedelta(frame["elapsed"])})
    np.testing.assert_array_equal(again.transform(spans), encoder.transform(frame))


def test_a_target_is_no_duration() -> None:
    values = pd.Series([f"{i % 3}h {i % 3}m" for i in range(60)])
    assert Target.of(values, "y").task == "classification"
    with pytest.raises(InputError, match="got durations"):
        Target.of(values, "y", schema=ColumnSchema("duration"))


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(InputError, match="durations: expected h:mm:ss or h:mm or m:ss, got 'mm'"):
        ColumnSchema("duration", durations="mm")


def test_seconds_of_a_column_of_another_form() -> None:
    read, misfits = ColumnSchema("duration").read(Column.of(pd.Series([1.5, None])))
    np.testing.assert_array_equal(read.values, [1.5, np.nan])
    assert not misfits.any()
    assert schema_of(Column.of(pd.Series(pd.to_timedelta(["1h", "2h"])))).kind == "number"
