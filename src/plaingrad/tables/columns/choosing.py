"""The choice of an encoder for a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.category import CategoryEncoder, CodeEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.date import DateEncoder
from plaingrad.tables.columns.duration import DurationEncoder
from plaingrad.tables.columns.location import LocationEncoder
from plaingrad.tables.columns.multilabel import ListEncoder
from plaingrad.tables.columns.numeric import BooleanEncoder, NumberEncoder
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.text import TextEncoder

ColumnEncoder = (
    NumberEncoder
    | BooleanEncoder
    | CategoryEncoder
    | CodeEncoder
    | DateEncoder
    | ListEncoder
    | LocationEncoder
    | TextEncoder
)
BY_KIND: dict[str, type[Any]] = {  # of a schema; text is measured first
    "number": NumberEncoder,
    "boolean": BooleanEncoder,
    "date": DateEncoder,
    "duration": DurationEncoder,
}
ENCODERS: dict[str, type[Any]] = {
    **BY_KIND,
    "category": CategoryEncoder,
    "code": CodeEncoder,
    "list": ListEncoder,
    "location": LocationEncoder,
    "text": TextEncoder,
}

MOST_CODES = 10_000
ROWS_PER_CODE = 2


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
    column: Column, schema: ColumnSchema, max_levels: int, embedding: bool, bins: int
) -> ColumnEncoder | DroppedColumn:
    """The encoder for a column, fitted to it.

    Args:
        column: all its values, as the schema reads them.
        schema: its meaning.
        max_levels: how many levels get a feature each, at most; a column of more levels is text.
        embedding: whether categories become codes.
        bins: how many intervals a number is put into, at most.
    """
    if column.missing().all():
        return DroppedColumn("empty", "left out: no value")
    if schema.kind == "identifier":
        return DroppedColumn("identifier", "left out: another value in every row")
    encoder = _encoder(column, schema, max_levels, embedding, bins)
    if not _varies(encoder, column):
        return DroppedColumn(encoder.kind, "left out: the same value in every row")
    return encoder


def _encoder(
    column: Column, schema: ColumnSchema, max_levels: int, embedding: bool, bins: int
) -> ColumnEncoder:
    if schema.kind == "number":
        return NumberEncoder.of(column, bins)
    if schema.kind in BY_KIND:
        encoder: ColumnEncoder = BY_KIND[schema.kind].of(column)
        return encoder
    if schema.kind == "list":
        return ListEncoder.of(column, schema.separator, max_levels)
    if schema.kind == "location":
        return LocationEncoder.of(column, schema.coordinates)
    if embedding and len(column.levels) * ROWS_PER_CODE <= len(column.values):
        return CodeEncoder.of(column, MOST_CODES)
    if len(column.levels) <= max_levels:
        return CategoryEncoder.of(column, max_levels)
    return TextEncoder.of(column)


def _varies(encoder: ColumnEncoder, column: Column) -> bool:
    """True if a feature has not the same value in every row."""
    if isinstance(encoder, NumberEncoder | BooleanEncoder):
        return bool(encoder.suffixes())
    if column.missing().any():
        return True
    return len(np.unique(column.values)) > 1
