"""Random data frames, of all that people put into tables."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
from hypothesis import strategies as st

TEXTS = st.one_of(
    st.sampled_from(
        ["", " ", "NA", "a", "b ", "ß", "☂", "名前", "1", "2.5", "-3", "true", "2020-01-02", "03/04/2020"]
    ),
    st.text(max_size=8),
)
NUMBERS = st.one_of(
    st.floats(allow_infinity=False),
    st.floats(-1e3, 1e3),
    st.sampled_from([0.0, -0.0, 1e308, -1.7e308, 5e-324, 1.0]),
    st.integers(-(2**70), 2**70),
)
# Some days within what Python knows, for clocks that are ahead or behind.
MOMENTS = st.datetimes(datetime.datetime(1, 1, 3), datetime.datetime(9999, 12, 29))
ODD = st.sampled_from([float("inf"), float("-inf"), 10**400, [1], {"a": 1}, b"bytes", 1j, (1, 2), object])
ANYTHING = st.one_of(
    st.none(),
    TEXTS,
    NUMBERS,
    st.booleans(),
    MOMENTS,
    st.dates(),
    st.times(),
    st.timedeltas(),
    st.decimals(allow_nan=False),
    st.just(Decimal("NaN")),
    st.just(Decimal("1.5")),
    st.just(pd.NA),
    st.just(pd.NaT),
)

VALUES = [
    st.none(),
    NUMBERS,
    st.floats(-10, 10),
    st.integers(-5, 5),
    st.booleans(),
    st.sampled_from(["x", "y", "z"]),
    TEXTS,
    MOMENTS,
    st.dates(),
    st.dates().map(lambda day: day.strftime("%d.%m.%Y")),
    st.timedeltas(),
    ANYTHING,
]
KINDS = [
    "object",
    "str",
    "category",
    "float64",
    "float32",
    "Int64",
    "boolean",
    "datetime64[us, Europe/Berlin]",
]


@st.composite
def columns(draw: st.DrawFn, rows: int) -> pd.Series:
    """A column of one kind of values, a constant one, or one with an odd value in it."""
    values = draw(st.sampled_from(VALUES))
    if draw(st.booleans()):
        values = st.one_of(values, st.none())
    if draw(st.integers(0, 9)) == 0:
        found = [draw(values)] * rows
    else:
        found = draw(st.lists(values, min_size=rows, max_size=rows))
    if rows and draw(st.integers(0, 19)) == 0:
        found[draw(st.integers(0, rows - 1))] = draw(ODD)
    series = pd.Series(found, dtype=object)
    if draw(st.booleans()):
        try:
            with np.errstate(all="ignore"):
                return series.astype(draw(st.sampled_from(KINDS)))
        except (ValueError, TypeError, OverflowError, ArithmeticError):
            return series
    return series


NAMES = st.permutations(["a", "b", "größe", "x_missing", 0, "名", "a "])
ODD_NAMES = st.one_of(st.sampled_from(["a", "", " "]), st.text(max_size=5))


@st.composite
def frames(draw: st.DrawFn) -> pd.DataFrame:
    """A table of up to six columns, seldom of none; seldom without rows, or with a name that is odd."""
    rows = draw(st.one_of(st.integers(1, 30), st.sampled_from([0, 1, 12])))
    names = draw(NAMES)[: draw(st.one_of(st.integers(1, 6), st.integers(0, 1)))]
    if names and draw(st.integers(0, 9)) == 0:
        names[-1] = draw(ODD_NAMES)
    parts = [draw(columns(rows)) for _ in names]
    frame = pd.concat(parts, axis=1) if parts else pd.DataFrame(index=range(rows))
    return frame.set_axis(names, axis=1)
