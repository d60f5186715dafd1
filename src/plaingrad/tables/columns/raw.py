"""Columns as they stand, for models that are no networks: a number once, a category as one code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec
import numpy as np
import pandas as pd

from plaingrad.tables.columns.category import CategoryEncoder, CodeEncoder, counted_levels, positions_of
from plaingrad.tables.columns.choosing import ROWS_PER_CODE, ColumnEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.date import CYCLES, DateEncoder
from plaingrad.tables.columns.encoder import TableEncoder
from plaingrad.tables.columns.multilabel import ListEncoder
from plaingrad.tables.columns.numeric import BooleanEncoder, NumberEncoder
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.columns.text import TextEncoder

Kind = Literal["number", "phase", "category", "weight"]

FEW_LEVELS = 255  # that a tree can tell apart: text with no more of them is a code alone


@dataclass(frozen=True)
class RawTable:
    """The columns that a table's encoder uses, as few features as can be.

    A number is one feature, in standard deviations from its mean; so are truth values and coordinates. A date
    is its seconds and its phases in the year, the week and the day. A category is the code of its level, and
    so is text that repeats; other text is what the network gets, and so are lists. What is missing is nan,
    and so is a level that was not fitted.

    Attributes:
        kinds: of each feature: "number"; "phase" in a cycle, from 0 to 1; "category", a code from 0; or
            "weight" of letters or items, which is never nan.
        levels: how many levels each feature of kind "category" has, by its index.
    """

    kinds: tuple[Kind, ...]
    levels: dict[int, int]
    _encoder: TableEncoder

    @classmethod
    def of(cls, encoder: TableEncoder, frame: pd.DataFrame) -> RawTable:
        """Find the levels of categories in some rows, to which, and perhaps others, an encoder is fitted."""
        columns: dict[str, Any] = {}
        for name, each in encoder.used_.items():
            column, _ = encoder.schema_[name].read(Column.of(frame[name]))
            columns[name] = RawColumn.of(each, column)
        kinds = tuple(kind for column in columns.values() for kind in column.kinds)
        coded = [len(column.levels) for column in columns.values() if column.is_coded]
        levels = dict(zip((i for i, kind in enumerate(kinds) if kind == "category"), coded))
        return cls(kinds, levels, encoder.with_encoders(columns))

    def transform(self, frame: pd.DataFrame) -> np.ndarray:
        """The features of rows, float32 ``(rows, features)``."""
        return self._encoder.transform(frame, strange=StrangeCounts())

    def features(self, *kinds: Kind) -> list[int]:
        """The indices of the features of some kinds."""
        return [index for index, kind in enumerate(self.kinds) if kind in kinds]


@dataclass(frozen=True)
class RawColumn:
    """A column's features, with the methods that a `TableEncoder` calls.

    Attributes:
        levels: of a category, the most frequent first.
        is_coded: whether there is a feature for the level.
        encoder: makes the other features; None if there are none.
    """

    levels: list[str]
    is_coded: bool
    encoder: ColumnEncoder | None

    @classmethod
    def of(cls, encoder: ColumnEncoder, column: Column) -> RawColumn:
        """Find the features of a column that a network gets by this encoder."""
        if isinstance(encoder, CategoryEncoder | CodeEncoder):
            return cls(_levels(column), True, None)
        if isinstance(encoder, TextEncoder):
            levels = _levels(column)
            repeats = len(levels) * ROWS_PER_CODE <= len(column.values)
            is_category = repeats and len(levels) <= FEW_LEVELS
            return cls(levels, repeats, None if is_category else encoder)
        if isinstance(encoder, ListEncoder):
            return cls([], False, encoder)
        changes: dict[str, Any] = {"indicator": False}
        if isinstance(encoder, NumberEncoder):
            changes["edges"] = []
        if isinstance(encoder, NumberEncoder | BooleanEncoder):
            changes["varies"] = True  # it is one feature in any case, which perhaps is nan or not
        return cls([], False, msgspec.structs.replace(encoder, **changes))

    @property
    def kinds(self) -> list[Kind]:
        """The kind of each feature."""
        code: list[Kind] = ["category"] * self.is_coded
        match self.encoder:
            case None:
                return code
            case TextEncoder() | ListEncoder():
                return [*code, *["weight"] * len(self.encoder.suffixes())]  # type: ignore[list-item]
            case DateEncoder():
                return ["number", *["phase"] * len(self.encoder.cycles)]  # type: ignore[list-item]
        return ["number"] * len(self.encoder.suffixes())

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return [f"_{index}" for index in range(len(self.kinds))]

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        missing = column.missing()
        if self.is_coded:
            codes = positions_of(self.levels, column)
            out[:, 0] = np.where(codes < 0, np.nan, codes)
        if isinstance(self.encoder, DateEncoder):
            _fill_dates(self.encoder, column, missing, out)
        elif self.encoder is not None:
            self.encoder.fill(column, out[:, self.is_coded :])
            if not isinstance(self.encoder, TextEncoder | ListEncoder):
                out[missing] = np.nan


def _levels(column: Column) -> list[str]:
    frequent, rare = counted_levels(column, len(column.levels))
    return [*frequent, *rare]


def _fill_dates(encoder: DateEncoder, column: Column, missing: np.ndarray, out: np.ndarray) -> None:
    """Write the seconds and the phases of dates."""
    seconds = msgspec.structs.replace(encoder, cycles=[])
    seconds.fill(column, out[:, :1])
    dates = pd.DatetimeIndex(np.where(missing, np.datetime64(0, "us"), column.values))
    for feature, cycle in enumerate(encoder.cycles, 1):
        out[:, feature] = CYCLES[cycle](dates)
    out[missing] = np.nan
