"""The meaning of a column: fixed once from all its cells, and how every later cell is read."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from plaingrad.errors import InputError
from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.column import Column, InfiniteNumberError, MisfitError, text_of
from plaingrad.tables.columns.dateformat import FORMATS, ISO, date_format, date_format_of_most, parsed
from plaingrad.tables.columns.identifier import is_identifier
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat, number_format
from plaingrad.tables.columns.timestamp import TIMESTAMPS, UNITS, moments, timestamp_format
from plaingrad.tables.errors import listed
from plaingrad.tables.reading.inference import LEADING_ZERO, typed
from plaingrad.tables.reading.missing import MARKS, MISSING, without, without_words

Kind = Literal["number", "boolean", "date", "text", "identifier"]

EXPECTED = {"number": "a number", "boolean": "true or false", "date": "a date", "text": "text"}
TRUTH_VALUES = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
MOST_MARKS = 5  # shown
FEWEST_NUMBERS = 20  # distinct ones, among which a text is no level of a category
MOST_ODD = 0.05  # of the rows
EMPTY: dict[Kind, Any] = {"number": np.nan, "boolean": np.nan, "date": np.datetime64("NaT", "us")}


class ColumnSchema(Strict, frozen=True, omit_defaults=True):
    """The meaning of a column.

    Each cell is read for itself, whatever stands in the other rows.

    Attributes:
        kind: "number", "boolean", "date", "text", or "identifier" of what only names its row.
        numbers: how text writes the numbers.
        dates: how the dates are written, "ISO8601" or as strptime has it in text, or as numbers "%Y%m%d",
            "%Y%m%d%H%M%S", "unix seconds", "unix milliseconds" or "unix microseconds".
        missing: marks such as "-" that stand for missing values, for numbers and dates besides the usual
            words.
    """

    kind: Kind
    numbers: NumberFormat = DEFAULT_FORMAT
    dates: str = ISO
    missing: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.dates not in (ISO, *FORMATS, *TIMESTAMPS):
            raise InputError(f"dates: unknown format {self.dates!r:.60}")

    @classmethod
    def of(cls, column: Column, name: str = "") -> ColumnSchema:
        """Decide from all cells, and from the name of the column.

        Args:
            column: all rows of a table.
            name: of the column, which may be that of an identifier or of dates.
        """
        schema = cls.simple(column)
        if is_identifier(column, schema.kind, name):
            return cls("identifier")
        if schema.kind == "number" and schema.numbers == DEFAULT_FORMAT:
            is_text = column.form == "text"
            values = schema._values(column.levels)[0][column.values] if is_text else column.values
            dates = timestamp_format(values, name)
            return replace(schema, kind="date", dates=dates) if dates else schema
        return schema

    @classmethod
    def simple(cls, column: Column) -> ColumnSchema:
        """Decide from all cells whether they are numbers, truth values, dates or text.

        Text of truth values, numbers or dates throughout is taken for these. So is text of numbers or dates
        and marks of the missing, and text of many numbers with few other texts, which are then misfits.

        Args:
            column: all rows of a table.
        """
        schema = cls(column.form)
        if column.form == "text":
            schema = cls._of_levels(column.levels, column.declared)
            if schema.kind == "text" and not column.declared:
                schema = cls._of_most(column) or schema
        return schema

    @classmethod
    def _of_levels(cls, levels: pa.Array, declared: bool = False) -> ColumnSchema:
        """The meaning of distinct texts that are all of one kind; declared ones are no numbers."""
        if not declared and len(levels):
            kind = typed(pa.chunked_array([levels])).type
            if pa.types.is_boolean(kind):
                return cls("boolean")
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                return cls("number")
            numbers = number_format(levels)
            if numbers and not (numbers.is_unusual and _like_codes(levels, numbers)):
                return cls("number", numbers=numbers)
        dates = date_format(levels)
        return cls("date", dates=dates) if dates else cls("text")

    @classmethod
    def _of_most(cls, column: Column) -> ColumnSchema | None:
        """The meaning of what is neither a mark of the missing nor odd; None if that is text too."""
        levels = column.levels
        are_names = pc.any(pc.match_substring_regex(levels, LEADING_ZERO)).as_py()  # such as postal codes
        marked = pc.is_in(pc.utf8_lower(levels), pa.array(MARKS, levels.type))
        is_word = pc.is_in(levels, pa.array(MISSING, levels.type)).to_numpy(zero_copy_only=False)
        is_mark = marked.to_numpy(zero_copy_only=False) | is_word
        rows = np.bincount(column.values[column.values >= 0], minlength=len(levels))
        no_digit = ~pc.match_substring_regex(levels, r"\d").to_numpy(zero_copy_only=False)
        no_number = np.isnan(DEFAULT_FORMAT.strictly(levels))
        for odd in (is_mark, is_mark | no_digit, is_mark | no_number):
            rest = levels.filter(pa.array(~odd))
            few = rows[odd & ~is_mark].sum() <= MOST_ODD * rows.sum()
            if not odd.any() or not len(rest) or not few:
                continue
            schema = cls._of_levels(rest)
            if (odd == is_mark).all():
                fitting = schema.kind in ("number", "date")
            else:
                fitting = schema.kind == "number" and len(rest) > FEWEST_NUMBERS and not are_names
            if fitting:
                return replace(schema, missing=tuple(levels.filter(marked).to_pylist()))
        rest = pa.array(~is_mark)
        dates = date_format_of_most(levels.filter(rest), rows[~is_mark], MOST_ODD)
        if dates is None:
            return None
        return cls("date", dates=dates, missing=tuple(levels.filter(marked).to_pylist()))

    @property
    def _is_timestamp(self) -> bool:
        return self.kind == "date" and self.dates in TIMESTAMPS

    @property
    def description(self) -> str:
        """The way of writing, in words; empty for the one that programs use."""
        parts = []
        if self.kind == "number" and self.numbers != DEFAULT_FORMAT:
            parts.append(f"numbers written as {self.numbers}")
        if self._is_timestamp:
            parts.append(
                f"dates in {self.dates}" if self.dates in UNITS else f"dates written as {self.dates}"
            )
        if self.missing:
            parts.append(f"{listed(self.missing, MOST_MARKS)} missing")
        return ", ".join(parts)

    @property
    def expected(self) -> str:
        """The content of a cell, in words."""
        if self.kind == "number" and self.numbers != DEFAULT_FORMAT:
            return f"a number (such as {self.numbers})"
        if self.kind == "date":
            return f"a date ({self.dates.replace(ISO, 'YYYY-MM-DD')})"
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
        if self.kind in ("text", "identifier"):
            return _without_marks(as_texts(column), self.missing), misfits
        if column.form == "text":
            values, wrong = self._values(column.levels)
            values, misfits = values[column.values], wrong[column.values]
        elif column.form == "number" and self._is_timestamp:
            numbers = self._without_numbers(column.values)
            values = moments(numbers, self.dates)
            misfits = np.isnat(values) & ~np.isnan(numbers)
        elif column.form == self.kind or not (~column.missing()).any():
            values = column.values if column.form == self.kind else self._empty(len(misfits))
        elif "date" in (column.form, self.kind):
            row = int((~column.missing()).argmax())
            raise MisfitError(row, self.expected, text_of(column.values[row]))
        else:
            values = column.values
        if self.kind == "boolean":
            other = ~(np.isnan(values) | (values == 0) | (values == 1))
            values, misfits = np.where(other, np.nan, values), misfits | other
        if self.kind == "number" and self.missing:
            values = self._without_numbers(values)
        if self.kind == "number" and np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise InfiniteNumberError(row, "a finite number", float(values[row]))
        return Column(self.kind, values, column.levels[:0]), misfits  # type: ignore[arg-type]

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
        return np.full(count, EMPTY[self.kind])

    def _without_numbers(self, values: np.ndarray) -> np.ndarray:
        """Numbers in which those that stand for missing ones are nan."""
        if not self.missing:
            return values
        return np.where(np.isin(values, DEFAULT_FORMAT.numbers(pa.array(self.missing))), np.nan, values)

    def _values(self, levels: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The value of each distinct text and whether it is none; one more stands for a missing text."""
        texts = without(without_words(levels), self.missing)
        if self._is_timestamp:
            values = moments(DEFAULT_FORMAT.numbers(texts), self.dates)
        elif self.kind == "date":
            values = parsed(texts, self.dates)
        elif self.kind == "boolean":
            values = np.array([TRUTH_VALUES.get((text or "").lower(), np.nan) for text in texts.to_pylist()])
        else:
            values = self.numbers.numbers(texts)
        wrong = np.isnat(values) if self.kind == "date" else np.isnan(values)
        wrong &= ~pc.is_null(texts).to_numpy(zero_copy_only=False)
        return np.append(values, self._empty(1)), np.append(wrong, False)


def _like_codes(levels: pa.Array, numbers: NumberFormat) -> bool:
    """True for texts of which few differ, most have a bound, or several are one number."""
    texts = without_words(levels).drop_null()
    if len(texts) <= FEWEST_NUMBERS / 2:
        return True
    bounded = pc.match_substring_regex(texts, r"^[<>≤≥]").to_numpy(zero_copy_only=False)
    distinct = len(np.unique(numbers.numbers(texts)))
    return bool(bounded.mean() > 0.5) or bool(bounded.any() and distinct < len(texts) / 2)


def _without_marks(texts: Column, marks: tuple[str, ...]) -> Column:
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
