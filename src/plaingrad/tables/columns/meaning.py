"""A column read as what it is known to hold."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.tables.columns.column import Column, MisfitError, text_of
from plaingrad.tables.columns.dateformat import parsed
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat, number_format
from plaingrad.tables.reading.missing import without_words


def written(column: Column) -> NumberFormat:
    """The format of text that is numbers in one way throughout; `DEFAULT_FORMAT` for all else."""
    if column.form != "text" or column.declared:
        return DEFAULT_FORMAT
    return number_format(column.levels) or DEFAULT_FORMAT


def as_numbers(column: Column, format: NumberFormat = DEFAULT_FORMAT) -> np.ndarray:
    """float64, nan where a value is missing.

    Args:
        column: numbers, or text.
        format: how text writes numbers; such as programs write them are always read.

    Raises:
        MisfitError: a value is no number, or infinite.
    """
    if column.form == "date":
        raise _misfit(column, "a number")
    if column.form != "text":
        values = column.values
    elif format == DEFAULT_FORMAT:
        values = _from_levels(column, _number, "a number")
    else:
        levels = without_words(column.levels)
        numbers = format.numbers(levels)
        _expect_all(column, np.isnan(numbers) & ~_nulls(levels), f"a number (such as {format})")
        values = np.append(numbers, np.nan)[column.values]
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise MisfitError(row, "a finite number", float(values[row]))
    return values


def as_truth_values(column: Column) -> np.ndarray:
    """float64: 1 for true, 0 for false, nan where a value is missing.

    Raises:
        MisfitError: a value is neither true nor false, 1 nor 0.
    """
    if column.form == "date":
        raise _misfit(column, "true or false")
    values = _from_levels(column, _truth_value, "true or false") if column.form == "text" else column.values
    other = ~(np.isnan(values) | (values == 0) | (values == 1))
    if other.any():
        row = int(other.argmax())
        raise MisfitError(row, "true or false", float(values[row]))
    return values


def as_dates(column: Column, format: str) -> np.ndarray:
    """datetime64[us] in UTC, NaT where a value is missing.

    Args:
        column: dates, or text.
        format: how text writes a date, "ISO8601" or as strptime has it.

    Raises:
        MisfitError: a value is no date.
    """
    if column.form == "date":
        return column.values
    expected = f"a date ({format.replace('ISO8601', 'YYYY-MM-DD')})"
    if column.form != "text":
        if not column.missing().all():
            raise _misfit(column, expected)
        return np.full(len(column.values), "NaT", "datetime64[us]")
    levels = without_words(column.levels)
    dates = parsed(levels, format)
    _expect_all(column, np.isnat(dates) & ~_nulls(levels), expected)
    return np.append(dates, np.datetime64("NaT"))[column.values]


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


def _from_levels(column: Column, read: object, expected: str) -> np.ndarray:
    """Each distinct text read once."""
    levels = without_words(column.levels)
    values = np.array([read(level) for level in levels.to_pylist()] + [np.nan], np.float64)  # type: ignore[operator]
    _expect_all(column, np.isnan(values[:-1]) & ~_nulls(levels), expected)
    return values[column.values]


def _number(text: str | None) -> float:
    try:
        return np.nan if text is None or "_" in text else float(text)
    except ValueError:
        return np.nan


def _truth_value(text: str | None) -> float:
    return {"true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}.get((text or "").lower(), np.nan)


def _nulls(levels: pa.Array) -> np.ndarray:
    return pc.is_null(levels).to_numpy(zero_copy_only=False)


def _expect_all(column: Column, wrong: np.ndarray, expected: str) -> None:
    """Name the first row in which one of the wrong levels stands."""
    rows = np.append(wrong, False)[column.values]
    if rows.any():
        row = int(rows.argmax())
        raise MisfitError(row, expected, column.text(row))


def _misfit(column: Column, expected: str) -> MisfitError:
    row = int((~column.missing()).argmax())
    value = column.values[row]
    return MisfitError(row, expected, text_of(value))
