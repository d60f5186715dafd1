"""The meaning of a column: fixed once from all its cells, and how every later cell is read."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.errors import InputError
from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.column import Column, Form, text_of
from plaingrad.tables.columns.dateformat import FORMATS, ISO, parsed
from plaingrad.tables.columns.duration import (
    DURATIONS,
    NEITHER,
    durations,
)
from plaingrad.tables.columns.items import BRACKETS, is_list
from plaingrad.tables.columns.location import LATITUDE_FIRST, ORDERS, coordinates
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat
from plaingrad.tables.columns.timestamp import TIMESTAMPS, UNITS, moments
from plaingrad.tables.errors import InfiniteNumberError, MisfitError, listed
from plaingrad.tables.reading.missing import MISSING, without, without_words

Kind = Literal["number", "boolean", "date", "duration", "list", "location", "text", "identifier"]

EXPECTED = {
    "number": "a number",
    "boolean": "true or false",
    "list": "a list in brackets",
    "location": "a latitude and longitude",
    "text": "text",
}
FORMS: dict[Kind, Form] = {  # others have their own
    "duration": "number",
    "list": "text",
    "location": "text",
    "identifier": "text",
}
TRUTH_VALUES = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
MOST_MARKS = 5  # shown
EMPTY: dict[Form, Any] = {"number": np.nan, "boolean": np.nan, "date": np.datetime64("NaT", "us")}


class ColumnSchema(Strict, frozen=True, omit_defaults=True):
    """The meaning of a column.

    Each cell is read for itself, whatever stands in the other rows.

    Attributes:
        kind: "number", "boolean", "date", "duration", "list", "location", "text", or "identifier" of what
            only names its row.
        numbers: how text writes the numbers.
        dates: how the dates are written, "ISO8601" or as strptime has it in text, or as numbers "%Y%m%d",
            "%Y%m%d%H%M%S", "unix seconds", "unix milliseconds" or "unix microseconds".
        durations: the meaning of two parts such as 90:30 in durations, "h:mm" or "m:ss"; "h:mm:ss" if such
            are none. Others, as 1:02:03, 3h 5m or PT3H5M, are read in any case.
        separator: between the items of lists, or "[]" of lists as JSON and Python write them.
        coordinates: which comes first in a location, "latitude, longitude" or "longitude, latitude"; after
            POINT it is the longitude in any case.
        missing: marks such as "-" that stand for missing values, for numbers and dates besides the usual
            words.
    """

    kind: Kind
    numbers: NumberFormat = DEFAULT_FORMAT
    dates: str = ISO
    durations: str = NEITHER
    separator: str = ""
    coordinates: str = LATITUDE_FIRST
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dates not in (ISO, *FORMATS, *TIMESTAMPS):
            raise InputError(f"dates: unknown format {self.dates!r:.60}")
        if self.durations not in DURATIONS:
            raise InputError(f"durations: expected {' or '.join(DURATIONS)}, got {self.durations!r:.60}")
        if self.coordinates not in ORDERS:
            expected = " or ".join(f"'{order}'" for order in ORDERS)
            raise InputError(f"coordinates: expected {expected}, got {self.coordinates!r:.60}")
        if (self.kind == "list") != bool(self.separator):
            raise InputError(f"separator: expected one for a list alone, got {self.separator!r:.60}")

    @property
    def form(self) -> Form:
        """The form of a column that is read."""
        return FORMS.get(self.kind) or self.kind  # type: ignore[return-value]

    @property
    def _is_timestamp(self) -> bool:
        return self.kind == "date" and self.dates in TIMESTAMPS

    @property
    def description(self) -> str:
        """The way of writing, in words; empty for the one that programs use."""
        parts = []
        if self.kind == "number" and not self.numbers.is_usual:
            parts.append(f"numbers written as {self.numbers}")
        if self._is_timestamp:
            parts.append(
                f"dates in {self.dates}" if self.dates in UNITS else f"dates written as {self.dates}"
            )
        if self.kind == "duration":
            parts.append("in seconds")
        if self.kind == "list":
            parts.append(f"separated by {self.separator}" if self.separator != BRACKETS else "in brackets")
        if self.kind == "location":
            parts.append(self.coordinates)
        if self.missing:
            parts.append(f"{listed(self.missing, MOST_MARKS)} missing")
        return ", ".join(parts)

    @property
    def expected(self) -> str:
        """The content of a cell, in words."""
        if self.kind == "number" and not self.numbers.is_usual:
            return f"a number (such as {self.numbers})"
        if self.kind == "date":
            return f"a date ({self.dates.replace(ISO, 'YYYY-MM-DD')})"
        if self.kind == "duration":
            return f"a duration ({self.durations}, 3h 5m or PT3H5M)"
        return EXPECTED[self.kind]

    def read(self, column: Column) -> tuple[Column, np.ndarray]:
        """Bring a column to the form of this kind.

        Returns:
            The column, and booleans ``(rows,)`` that are true for a cell that is not of this kind; it counts
            as missing.

        Raises:
            MisfitError: the whole column is of another kind, such as dates for numbers, or a number is
                infinite.
        """
        misfits = np.zeros(len(column.values), bool)
        if self.form == "text":
            return self._read_text(column)
        if column.form == "text":
            values, wrong = self.values_of_levels(column.levels)
            values, misfits = values[column.values], wrong[column.values]
        elif column.form == "number" and self._is_timestamp:
            numbers = self._without_numbers(column.values)
            values = moments(numbers, self.dates)
            misfits = np.isnat(values) & ~np.isnan(numbers)
        elif column.form == self.form or not (~column.missing()).any():
            values = column.values if column.form == self.form else self._empty(len(misfits))
        elif "date" in (column.form, self.form):
            row = int((~column.missing()).argmax())
            raise MisfitError(row, self.expected, text_of(column.values[row]))
        else:
            values = column.values
        if self.kind == "boolean":
            other = ~(np.isnan(values) | (values == 0) | (values == 1))
            values, misfits = np.where(other, np.nan, values), misfits | other
        if self.kind == "number" and self.missing:
            values = self._without_numbers(values)
        if self.form == "number" and np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise InfiniteNumberError(row, "a finite number", float(values[row]))
        return Column(self.form, values, column.levels[:0]), misfits

    def _read_text(self, column: Column) -> tuple[Column, np.ndarray]:
        """Text without what is no list or no pair, and where that stood."""
        texts = _without_marks(as_texts(column), self.missing)
        if self.kind == "location":
            wrong = np.isnan(coordinates(texts.levels, self.coordinates)[:, 0])
        elif self.separator == BRACKETS:
            wrong = ~is_list(texts.levels, BRACKETS)
        else:
            return texts, np.zeros(len(texts.values), bool)
        texts = _without_marks(texts, MISSING)
        misfits = np.append(wrong, False)[texts.values]
        return dataclasses.replace(texts, values=np.where(misfits, -1, texts.values)), misfits

    def read_all(self, column: Column) -> Column:
        """Bring a column to the form of this kind.

        Raises:
            MisfitError: a cell is not of this kind; with its row.
        """
        read, misfits = self.read(column)
        if misfits.any():
            row = int(misfits.argmax())
            raise MisfitError(row, self.expected, column.shown(row))
        return read

    def _empty(self, count: int) -> np.ndarray:
        return np.full(count, EMPTY[self.form])

    def _without_numbers(self, values: np.ndarray) -> np.ndarray:
        """Numbers in which those that stand for missing ones are nan."""
        if not self.missing:
            return values
        return np.where(np.isin(values, DEFAULT_FORMAT.numbers(pa.array(self.missing))), np.nan, values)

    def values_of_levels(self, levels: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The value of each distinct text and whether it is none; one more stands for a missing text."""
        texts = without(without_words(levels), self.missing)
        if self._is_timestamp:
            values = moments(DEFAULT_FORMAT.numbers(texts), self.dates)
        elif self.kind == "date":
            values = parsed(texts, self.dates)
        elif self.kind == "duration":
            values = durations(texts, self.durations)
        elif self.kind == "boolean":
            values = np.array([TRUTH_VALUES.get((text or "").lower(), np.nan) for text in texts.to_pylist()])
        else:
            values = self.numbers.numbers(texts)
        wrong = np.isnat(values) if self.kind == "date" else np.isnan(values)
        wrong &= ~pc.is_null(texts).to_numpy(zero_copy_only=False)
        return np.append(values, self._empty(1)), np.append(wrong, False)


def _without_marks(texts: Column, marks: Sequence[str]) -> Column:
    """Text in which these marks are missing."""
    is_mark = pc.is_in(texts.levels, pa.array(marks, texts.levels.type)).to_numpy(zero_copy_only=False)
    if not is_mark.any():
        return texts
    values = np.where(np.append(is_mark, True)[texts.values], -1, texts.values)
    return dataclasses.replace(texts, values=values)


def as_texts(column: Column) -> Column:
    """Text, whatever the column holds."""
    if column.form == "text":
        return column
    values, present = column.values, ~column.missing()
    codes = np.full(len(values), -1)
    codes[present], distinct = pd.factorize(values[present])
    kind = bool if column.form == "boolean" else lambda value: value
    levels = [text_of(kind(value)) for value in distinct]
    return Column("text", codes, pa.array(levels, pa.large_string()))
