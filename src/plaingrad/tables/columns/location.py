"""Pairs of latitude and longitude in a cell: 52.52,13.40 or POINT(13.40 52.52)."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from msgspec import Meta

from plaingrad.saving.schema import Number, Positive, Strict
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.numeric import TELLS, Standard

LATITUDE_FIRST, LONGITUDE_FIRST = "latitude, longitude", "longitude, latitude"
ORDERS = (LATITUDE_FIRST, LONGITUDE_FIRST)
FIRST_LOOK = 50
FEWEST_TEXTS = 10  # distinct ones, lest they be levels, such as intervals
FEWEST_FRACTIONS = 0.9  # of the rows

DEGREES = r"([+-]?\d{1,3}(?:\.\d+)?) ?°? ?"
PAIR = re.compile(rf"{DEGREES}([NS]?)(?: ?[,;] ?| ){DEGREES}([EW]?)")
POINT = re.compile(r"(?:SRID=\d+; ?)?POINT ?(?:Z|M|ZM)? ?\( ?([^ ()]+) ([^ ()]+)(?: [^()]+)?\)", re.I)
BRACKETS = {"(": ")", "[": "]"}

Two = Annotated[list[Number], Meta(min_length=2, max_length=2)]
TwoPositive = Annotated[list[Positive], Meta(min_length=2, max_length=2)]


class LocationEncoder(Strict, frozen=True):
    """A pair of latitude and longitude: both in degrees, standardised.

    A missing pair becomes 0 twice, which one more feature tells.

    Attributes:
        order: of the two in a text, as in the `ColumnSchema`.
        mean: of the latitudes and the longitudes.
        deviation: of the latitudes and the longitudes.
        indicator: whether there is a feature for missing values.
    """

    kind: ClassVar[str] = "location"
    order: str
    mean: Two
    deviation: TwoPositive
    indicator: bool

    @classmethod
    def of(cls, column: Column, order: str) -> LocationEncoder:
        """Measure a column of pairs."""
        missing = column.missing()
        pairs = coordinates(column.levels, order)[column.values[~missing]]
        standards = [Standard.of(pairs[:, i].copy()) for i in range(2)]
        means, deviations = [each.mean for each in standards], [each.deviation for each in standards]
        return cls(order, means, deviations, bool(missing.any()))

    @property
    def description(self) -> str:
        """The encoding in words."""
        return "both standardised" + (f", 0 where missing{TELLS}" if self.indicator else "")

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return ["_latitude", "_longitude", *["_missing"] * self.indicator]

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        pairs = np.append(coordinates(column.levels, self.order), [self.mean], axis=0)[column.values]
        for i, standard in enumerate(map(Standard, self.mean, self.deviation)):
            out[:, i] = standard.apply(pairs[:, i])
        if self.indicator:
            out[:, -1] = column.missing()


def coordinates(texts: pa.Array, order: str) -> np.ndarray:
    """Latitudes and longitudes in degrees, float64 ``(texts, 2)``; nan for what is no such pair."""
    pairs = [_pair(text, order) if text else (np.nan, np.nan) for text in texts.to_pylist()]
    return np.array(pairs, np.float64).reshape(-1, 2)


def _pair(text: str, order: str) -> tuple[float, float]:
    if match := POINT.fullmatch(text):  # whose order is always this
        longitude, latitude = (_float(part) for part in match.groups())
    else:
        inner = text[1:-1].strip() if BRACKETS.get(text[0]) == text[-1] else text
        match = PAIR.fullmatch(inner)
        if match is None:
            return np.nan, np.nan
        first, south, second, west = match.groups()
        latitude = float(first) * (-1 if south == "S" else 1)
        longitude = float(second) * (-1 if west == "W" else 1)
        if order == LONGITUDE_FIRST:
            latitude, longitude = longitude, latitude
    if abs(latitude) <= 90 and abs(longitude) <= 180:
        return latitude, longitude
    return np.nan, np.nan


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


def location_order(levels: pa.Array, rows: np.ndarray, most_odd: float) -> str | None:
    """The order in a column of latitudes and longitudes with fractions; None if it is no such column.

    Args:
        levels: distinct texts, none of which stands for a missing value.
        rows: how many rows have each of them.
        most_odd: the fraction of the rows that may be no such pairs.
    """
    for order in ORDERS if len(levels) > FEWEST_TEXTS else ():
        if np.isnan(coordinates(levels.slice(0, FIRST_LOOK), order)[:, 0]).mean() > 0.5:
            continue
        odd = np.isnan(coordinates(levels, order)[:, 0])
        with_fractions = np.array([text.count(".") >= 2 for text in levels.to_pylist()])
        is_usual = rows[with_fractions].sum() >= FEWEST_FRACTIONS * rows.sum()
        if is_usual and rows[odd].sum() <= most_odd * rows.sum():
            return order
    return None
