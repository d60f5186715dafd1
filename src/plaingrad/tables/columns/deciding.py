"""The decision what a column means, from all its cells and its name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from msgspec.structs import replace

from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.dateformat import CLOCK, date_format, date_format_of_most
from plaingrad.tables.columns.duration import duration_format, is_named_like_a_duration
from plaingrad.tables.columns.identifier import is_identifier, is_postal_code
from plaingrad.tables.columns.items import list_separator
from plaingrad.tables.columns.location import location_order
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat, number_format
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.timestamp import timestamp_format
from plaingrad.tables.reading.inference import LEADING_ZERO, typed
from plaingrad.tables.reading.missing import MARKS, MISSING, without_words

FEWEST_NUMBERS = 20  # distinct ones, among which a text is no level of a category
MOST_ODD = 0.05  # of the rows


def schema_of(column: Column, name: str = "") -> ColumnSchema:
    """Decide from all cells, and from the name of the column.

    Args:
        column: all rows of a table.
        name: of the column, which may be that of an identifier or of dates.
    """
    schema = simple_schema(column)
    if column.form == "text" and not column.declared:
        schema = _of_parts(column, schema, name) or schema
    if schema.kind == "number" and is_postal_code(column, name):
        schema = ColumnSchema("text")
    if is_identifier(column, schema.kind, name):
        return ColumnSchema("identifier")
    if schema.kind == "number" and schema.numbers == DEFAULT_FORMAT:
        is_text = column.form == "text"
        values = schema.values_of_levels(column.levels)[0][column.values] if is_text else column.values
        dates = timestamp_format(values, name)
        return replace(schema, kind="date", dates=dates) if dates else schema
    return schema


def _of_parts(column: Column, simple: ColumnSchema, name: str) -> ColumnSchema | None:
    """The meaning of texts of several parts; None if they have no other than the simple one."""
    is_clock = simple.kind == "date" and simple.dates in CLOCK
    if not (simple.kind == "text" or (is_clock and _is_beyond_a_day(column, simple, name))):
        return None
    is_mark, marks = _marks(column.levels)
    levels, rows = column.levels.filter(pa.array(~is_mark)), _rows_of_levels(column)[~is_mark]
    if two_parts := duration_format(levels, rows, MOST_ODD, name):
        return ColumnSchema("duration", durations=two_parts, missing=marks)
    if order := location_order(levels, rows, MOST_ODD):
        return ColumnSchema("location", coordinates=order, missing=marks)
    if separator := list_separator(levels, rows):
        return ColumnSchema("list", separator=separator, missing=marks)
    return None


def simple_schema(column: Column) -> ColumnSchema:
    """Decide from all cells whether they are numbers, truth values, dates or text.

    Text of truth values, numbers or dates throughout is taken for these. So is text of numbers or dates
    and marks of the missing, and text of many numbers with few other texts, which are then misfits.

    Args:
        column: all rows of a table.
    """
    schema = ColumnSchema(column.form)
    if column.form == "text":
        schema = _of_levels(column.levels, column.declared)
        if schema.kind == "text" and not column.declared:
            schema = _of_most(column) or schema
    return schema


def _of_levels(levels: pa.Array, declared: bool = False) -> ColumnSchema:
    """The meaning of distinct texts that are all of one kind; declared ones are no numbers."""
    if not declared and len(levels):
        kind = typed(pa.chunked_array([levels])).type
        if pa.types.is_boolean(kind):
            return ColumnSchema("boolean")
        if pa.types.is_integer(kind) or pa.types.is_floating(kind):
            return ColumnSchema("number")
        numbers = number_format(levels)
        if numbers and not (numbers.is_unusual and _like_codes(levels, numbers)):
            return ColumnSchema("number", numbers=numbers)
    dates = date_format(levels)
    return ColumnSchema("date", dates=dates) if dates else ColumnSchema("text")


def _of_most(column: Column) -> ColumnSchema | None:
    """The meaning of what is neither a mark of the missing nor odd; None if that is text too."""
    levels = column.levels
    are_names = pc.any(pc.match_substring_regex(levels, LEADING_ZERO)).as_py()  # such as postal codes
    is_mark, marks = _marks(levels)
    rows = _rows_of_levels(column)
    no_digit = ~pc.match_substring_regex(levels, r"\d").to_numpy(zero_copy_only=False)
    no_number = np.isnan(DEFAULT_FORMAT.strictly(levels))
    for odd in (is_mark, is_mark | no_digit, is_mark | no_number):
        rest = levels.filter(pa.array(~odd))
        few = rows[odd & ~is_mark].sum() <= MOST_ODD * rows.sum()
        if not odd.any() or not len(rest) or not few:
            continue
        schema = _of_levels(rest)
        if (odd == is_mark).all():
            fitting = schema.kind in ("number", "date")
        else:
            fitting = schema.kind == "number" and len(rest) > FEWEST_NUMBERS and not are_names
        if fitting:
            return replace(schema, missing=marks)
    rest = pa.array(~is_mark)
    dates = date_format_of_most(levels.filter(rest), rows[~is_mark], MOST_ODD)
    if dates is None:
        return None
    return ColumnSchema("date", dates=dates, missing=marks)


def _rows_of_levels(column: Column) -> np.ndarray:
    """The number of rows of each level."""
    return np.bincount(column.values[column.values >= 0], minlength=len(column.levels))


def _marks(levels: pa.Array) -> tuple[np.ndarray, tuple[str, ...]]:
    """Booleans that are true for words and marks of the missing, and those marks."""
    marked = pc.is_in(pc.utf8_lower(levels), pa.array(MARKS, levels.type))
    is_word = pc.is_in(levels, pa.array(MISSING, levels.type)).to_numpy(zero_copy_only=False)
    return marked.to_numpy(zero_copy_only=False) | is_word, tuple(levels.filter(marked).to_pylist())


def _is_beyond_a_day(column: Column, clock: ColumnSchema, name: str) -> bool:
    """True for times of day that are rather durations: some are no times of day, or they are named so."""
    return is_named_like_a_duration(name) or bool(clock.read(column)[1].any())


def _like_codes(levels: pa.Array, numbers: NumberFormat) -> bool:
    """True for texts of which few differ, most have a bound, or several are one number."""
    texts = without_words(levels).drop_null()
    if len(texts) <= FEWEST_NUMBERS / 2:
        return True
    bounded = pc.match_substring_regex(texts, r"^[<>≤≥]").to_numpy(zero_copy_only=False)
    distinct = len(np.unique(numbers.numbers(texts)))
    return bool(bounded.mean() > 0.5) or bool(bounded.any() and distinct < len(texts) / 2)
