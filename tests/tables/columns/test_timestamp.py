"""Dates written as numbers."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plaingrad.tables import TableEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.doubts import doubts
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.timestamp import TIMESTAMPS, UNITS, is_named_like_a_date, moments

DAYS = pd.date_range("2023-11-20", periods=120, freq="25h")


def written(dates: pd.DatetimeIndex, format: str) -> list[int]:
    if format in UNITS:
        return [round(date.timestamp() * UNITS[format]) for date in dates]
    return [int(date.strftime(format)) for date in dates]


def decided(cells: object, name: str = "x") -> ColumnSchema:
    return schema_of(Column.of(pd.Series(cells)), name)


@given(
    st.datetimes(datetime.datetime(1971, 1, 1), datetime.datetime(2099, 12, 31)), st.sampled_from(TIMESTAMPS)
)
def test_a_number_is_the_date_that_python_writes_so(date: datetime.datetime, format: str) -> None:
    date = date.replace(microsecond=0, tzinfo=datetime.UTC)
    number = date.timestamp() * UNITS[format] if format in UNITS else int(date.strftime(format))
    expected = (
        datetime.datetime.combine(date, datetime.time()) if format == "%Y%m%d" else date.replace(tzinfo=None)
    )
    assert moments(np.array([float(number)]), format)[0] == np.datetime64(expected, "us")


@pytest.mark.parametrize(
    "number", [20230229, 20231301, 20230100, 20230001, 2023010, 202301011, -20230101, 20230101.5, np.inf, 0]
)
def test_a_day_that_does_not_exist_is_none(number: float) -> None:
    assert np.isnat(moments(np.array([number]), "%Y%m%d"))[0]


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize("format", TIMESTAMPS)
def test_a_column_named_like_a_date_is_one(format: str, as_text: bool) -> None:
    numbers = written(DAYS, format)
    cells = pd.Series([str(n) for n in numbers] if as_text else numbers)
    schema = decided(cells, "created_at")
    assert (schema.kind, schema.dates) == ("date", format)
    read, misfits = schema.read(Column.of(cells))
    expected = DAYS.normalize() if format == "%Y%m%d" else DAYS
    np.testing.assert_array_equal(read.values, expected.to_numpy().astype("datetime64[us]"))
    assert not misfits.any()


def test_other_names_leave_numbers_but_for_many_days() -> None:
    assert decided(written(DAYS, "%Y%m%d")).dates == "%Y%m%d"
    assert decided(written(DAYS[:20], "%Y%m%d")).kind == "number"  # of few months
    assert decided(written(DAYS, "unix seconds")).kind == "number"
    assert decided(written(DAYS, "%Y%m%d"), "id").kind == "identifier"
    population = np.random.default_rng(0).integers(19_000_000, 21_000_000, 200)
    assert decided(population).kind == "number"
    assert decided(population, "date").kind == "number"


@pytest.mark.parametrize("format", ["%Y%m%d", "unix seconds", "unix milliseconds"])
def test_numbers_that_may_be_dates_are_doubted(format: str) -> None:
    column = Column.of(pd.Series(written(DAYS[:9], format)))
    schema = schema_of(column, "x")
    (doubt,) = doubts("x", schema, column, schema.read(column)[0])
    assert f'kind = "date", dates = "{format}"' in doubt


def test_no_date_among_dates_is_missing_and_counted() -> None:
    numbers = [*written(DAYS, "%Y%m%d"), 0, 99991231]
    for cells in (pd.Series(numbers), pd.Series([str(n) for n in numbers])):
        meaning = Meaning.of(pd.DataFrame({"due_date": cells}))
        assert meaning.schema["due_date"].dates == "%Y%m%d"
        (strange,) = meaning.strange
        assert str(strange) == (
            "due_date: 2 of 122 values were not a date (%Y%m%d) and counted as missing ('0', '99991231')"
        )
    marked = ColumnSchema("date", dates="%Y%m%d", missing=("0",))
    for cells in (pd.Series(numbers), pd.Series([str(n) for n in numbers])):
        assert marked.read(Column.of(cells))[1].sum() == 1


NAMED = [
    "date",
    "Date",
    "timestamp",
    "created_at",
    "updatedAt",
    "event time",
    "ts",
    "order-date",
    "issued on",
]
OTHERS = ["candidate", "population", "format", "attempts", "x", "", "timeout", "region", "monday"]


@pytest.mark.parametrize("name", NAMED + OTHERS)
def test_names_of_dates(name: str) -> None:
    assert is_named_like_a_date(name) == (name in NAMED)


def test_an_encoder_tells_how_the_dates_are_written() -> None:
    encoder = TableEncoder().fit(
        pd.DataFrame({"date": written(DAYS, "%Y%m%d"), "ts": written(DAYS, "unix seconds")})
    )
    date, ts = encoder.choices()
    assert date.done == "dates written as %Y%m%d, seconds standardised, place in the year, week"
    assert ts.done == "dates in unix seconds, seconds standardised, place in the year, week, day"
