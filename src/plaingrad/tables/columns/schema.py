"""The meaning of a column: fixed once from all its cells, and how every later cell is read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.errors import InputError
from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.column import Column, Form, MisfitError, text_of
from plaingrad.tables.columns.dateformat import FORMATS, ISO, date_format, parsed
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat, number_format
from plaingrad.tables.reading.inference import typed
from plaingrad.tables.reading.missing import without_words

EXPECTED = {"number": "a number", "boolean": "true or false", "date": "a date", "text": "text"}
TRUTH_VALUES = {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}
EMPTY: dict[Form, Any] = {"number": np.nan, "boolean": np.nan, "date": np.datetime64("NaT", "us")}


class ColumnSchema(Strict, frozen=True, omit_defaults=True):
    """The meaning of a column.

    Each cell is read for itself, whatever stands in the other rows.

    Attributes:
        kind: "number", "boolean", "date" or "text".
        numbers: how text writes the numbers.
        dates: how text writes the dates, "ISO8601" or as strptime has it.
    """

    kind: Form
    numbers: NumberFormat = DEFAULT_FORMAT
    dates: str = ISO

    def __post_init__(self) -> None:
        if self.dates not in (ISO, *FORMATS):
            raise InputError(f"dates: unknown format {self.dates!r:.60}")

    @classmethod
    def of(cls, column: Column) -> ColumnSchema:
        """Decide from all cells; text of numbers, truth values or dates throughout is taken for these."""
        if column.form != "text":
            return cls(column.form)
        if not column.declared and len(column.levels):
            kind = typed(pa.chunked_array([column.levels])).type
            if pa.types.is_boolean(kind):
                return cls("boolean")
            if pa.types.is_integer(kind) or pa.types.is_floating(kind):
                return cls("number")
            numbers = number_format(column.levels)
            if numbers:
                return cls("number", numbers=numbers)
        dates = date_format(column.levels)
        return cls("date", dates=dates) if dates else cls("text")

    @property
    def description(self) -> str:
        """The way of writing, in words; empty for the one that programs use."""
        if self.kind == "number" and self.numbers != DEFAULT_FORMAT:
            return f"numbers written as {self.numbers}"
        return ""

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
        if self.kind == "text":
            return as_texts(column), misfits
        if column.form == "text":
            values, wrong = self._of_levels(column.levels)
            values, misfits = values[column.values], wrong[column.values]
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
        if self.kind == "number" and np.isinf(values).any():
            row = int(np.isinf(values).argmax())
            raise MisfitError(row, "a finite number", float(values[row]))
        return Column(self.kind, values, column.levels[:0]), misfits

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

    def _of_levels(self, levels: pa.Array) -> tuple[np.ndarray, np.ndarray]:
        """The value of each distinct text and whether it is none; one more stands for a missing text."""
        texts = without_words(levels)
        if self.kind == "date":
            values = parsed(texts, self.dates)
        elif self.kind == "boolean":
            values = np.array([TRUTH_VALUES.get((text or "").lower(), np.nan) for text in texts.to_pylist()])
        else:
            values = self.numbers.numbers(texts)
        wrong = np.isnat(values) if self.kind == "date" else np.isnan(values)
        wrong &= ~pc.is_null(texts).to_numpy(zero_copy_only=False)
        return np.append(values, self._empty(1)), np.append(wrong, False)


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
