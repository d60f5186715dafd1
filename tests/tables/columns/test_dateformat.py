"""Dates with names of months, and with years of two digits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from plaingrad.tables.columns.dateformat import date_format, parsed
from plaingrad.tables.columns.meaning import Meaning

DAYS = pd.date_range("1980-01-05", "2035-12-31", periods=90).normalize()


def texts(cells: list[str]) -> pa.Array:
    return pa.array(cells, pa.large_string())


def meaning(cells: list[str]) -> Meaning:
    return Meaning.of(pd.DataFrame({"x": pd.Series(cells, dtype="str")}))


@pytest.mark.parametrize(
    "written",
    [
        "%d %b %Y", "%d %B %Y", "%d. %B %Y", "%d-%B-%Y", "%d%b%Y", "%d/%b/%Y:%H:%M:%S +0000", "%B %d, %Y",
        "%b. %d, %Y", "%A, %B %d, %Y", "%a, %d %b %Y %H:%M:%S GMT", "%a %b %d %H:%M:%S +0000 %Y", "%Y-%b-%d",
        "%b %d %Y %I:%M %p", "%d-%b-%y", "%d%b%y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y", "%m/%d/%y %H:%M",
    ],
)  # fmt: skip
@pytest.mark.parametrize("case", [str, str.upper, str.lower])
def test_dates_are_read_as_python_writes_them(written: str, case: type) -> None:
    cells = texts([case(day.strftime(written)) for day in DAYS])
    format = date_format(cells)
    assert format is not None
    np.testing.assert_array_equal(parsed(cells, format), DAYS.to_numpy().astype("datetime64[us]"))


def test_months_of_a_year_are_their_first_days() -> None:
    for written in ("%b %Y", "%B %Y", "%b-%y"):
        cells = texts([day.strftime(written) for day in DAYS])
        format = date_format(cells)
        assert format is not None
        months = DAYS.to_numpy().astype("datetime64[M]").astype("datetime64[us]")
        np.testing.assert_array_equal(parsed(cells, format), months)


def test_short_and_long_names_and_endings_stand_beside_each_other() -> None:
    found = meaning([f"{i}th {name} 2024" for i in range(4, 19) for name in ("Sep", "Sept.", "September")])
    assert found.schema["x"].kind == "date"
    assert found.frame["x"].dt.month.unique().tolist() == [9]


@pytest.mark.parametrize(
    "cells",
    [
        ["Jan", "Feb", "May"],
        ["Mon", "Tuesday"],
        ["1.2.99", "1.10.12"],
        ["15-03-21", "14-02-20"],
        ["Mar 3", "Mary 5"],
        ["March 1st", "May 2nd"],
    ],
)
def test_others_are_no_dates(cells: list[str]) -> None:
    assert date_format(texts(cells)) is None


def test_two_orders_of_a_date_are_doubted() -> None:
    (doubt,) = meaning([f"{i % 12 + 15}-03-{i % 9 + 20}" for i in range(40)]).doubts
    assert 'dates = "%d-%m-%y"' in doubt
    assert 'dates = "%y-%m-%d"' in doubt


def test_a_year_of_two_digits_far_ahead_is_doubted() -> None:
    cells = [f"{i % 28 + 1:02}.12.{i + 10}" for i in range(29)]
    assert meaning(cells).doubts == []
    (doubt,) = meaning([*cells, "24.12.45", "24.12.99"]).doubts
    assert doubt.startswith("x: 24.12.45 is taken for a date of 2045, ")
