"""The choice of an encoder for a column."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.category import CategoryEncoder, CodeEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.date import DateEncoder
from plaingrad.tables.columns.dateformat import ISO, date_format
from plaingrad.tables.columns.meaning import as_numbers, as_truth_values, written
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat
from plaingrad.tables.columns.numeric import BooleanEncoder, NumberEncoder
from plaingrad.tables.columns.text import TextEncoder
from plaingrad.tables.reading.inference import typed

ColumnEncoder = NumberEncoder | BooleanEncoder | CategoryEncoder | CodeEncoder | DateEncoder | TextEncoder
ENCODERS: dict[str, type[Any]] = {
    "number": NumberEncoder,
    "boolean": BooleanEncoder,
    "category": CategoryEncoder,
    "code": CodeEncoder,
    "date": DateEncoder,
    "text": TextEncoder,
}

FEWEST_IDENTIFIERS = 20
MOST_CODES = 10_000
ROWS_PER_CODE = 2
LIKE_AN_IDENTIFIER = re.compile(r"(?i:(.*[_ .-])?(id|idx|index|key|no|nr|row|#|unnamed.*))|.*[a-z]I[dD]")


class DroppedColumn(Strict, frozen=True, rename={"description": "left_out"}):
    """A column that is of no use.

    Attributes:
        kind: what it is.
        description: why it is left out, in words.
    """

    kind: str
    description: str


LeftOut = DroppedColumn  # its name in pickles written before


def chosen(
    column: Column, name: str, max_levels: int, embedding: bool, format: NumberFormat | None = None
) -> ColumnEncoder | DroppedColumn:
    """The encoder for a column, fitted to it.

    Args:
        column: all its values.
        name: its name.
        max_levels: how many levels get a feature each, at most; a column of more levels is text.
        embedding: whether categories become codes.
        format: how numbers in it are known to be written; None: as it is found.

    Raises:
        MisfitError: a number is infinite.
    """
    format = format or written(column)
    column = _meant(column, format)
    if column.missing().all():
        return DroppedColumn("empty", "left out: no value")
    if _is_identifier(column, name):
        return DroppedColumn("identifier", "left out: another value in every row")
    if column.form == "number":
        encoder: ColumnEncoder = NumberEncoder.of(column, format)
    else:
        encoder = _encoder(column, max_levels, embedding)
    if not _varies(encoder, column):
        return DroppedColumn(encoder.kind, "left out: the same value in every row")
    return encoder


def _meant(column: Column, format: NumberFormat) -> Column:
    """Text that says numbers, truth values or dates everywhere is taken for these."""
    if format != DEFAULT_FORMAT:
        return Column("number", as_numbers(column, format), column.levels)
    if column.form != "text" or column.declared or not len(column.levels):
        return column
    kind = typed(pa.chunked_array([column.levels])).type
    if pa.types.is_boolean(kind):
        return Column("boolean", as_truth_values(column), column.levels)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return Column("number", as_numbers(column), column.levels)
    return column


def _encoder(column: Column, max_levels: int, embedding: bool) -> ColumnEncoder:
    if column.form == "boolean":
        return BooleanEncoder.of(column)
    format = ISO if column.form == "date" else date_format(column.levels)
    if format:
        return DateEncoder.of(column, format)
    if embedding and len(column.levels) * ROWS_PER_CODE <= len(column.values):
        return CodeEncoder.of(column, MOST_CODES)
    if len(column.levels) <= max_levels:
        return CategoryEncoder.of(column, max_levels)
    return TextEncoder.of(column)


def _is_identifier(column: Column, name: str) -> bool:
    """Single words, each of them once; or numbers that count the rows and are named as such."""
    rows = len(column.values)
    if rows < FEWEST_IDENTIFIERS or column.missing().any():
        return False
    if column.form == "text":
        single = not pc.any(pc.match_substring(column.levels, " ")).as_py()
        return single and len(column.levels) == rows and date_format(column.levels) is None
    if column.form != "number" or not LIKE_AN_IDENTIFIER.fullmatch(name.strip()):
        return False
    first = column.values[0]
    return bool((column.values == first + np.arange(rows)).all())


def _varies(encoder: ColumnEncoder, column: Column) -> bool:
    """True if a feature has not the same value in every row."""
    if isinstance(encoder, NumberEncoder | BooleanEncoder):
        return bool(encoder.suffixes())
    if column.missing().any():
        return True
    return len(np.unique(column.values)) > 1
