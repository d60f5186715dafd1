"""Cells of later tables that are not what their column held when it was learned."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from plaingrad.tables.columns.category import CategoryEncoder, CodeEncoder
from plaingrad.tables.columns.column import Column, text_of
from plaingrad.tables.columns.items import exploded
from plaingrad.tables.columns.multilabel import ListEncoder
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.errors import listed

MOST_VALUES = 5
UNSEEN = "not seen in training"


class StrangeCellsWarning(UserWarning):
    """Cells that are not what their column held in training, when nobody else is told of them."""


@dataclass(frozen=True)
class StrangeCells:
    """The strange cells of a column.

    Attributes:
        column: its name.
        count: how many rows have such a cell.
        rows: how many there are.
        values: the cells, the most frequent first.
        problem: what is strange, and what is made of it, in words.
    """

    column: str
    count: int
    rows: int
    values: Sequence[str]
    problem: str

    def __str__(self) -> str:
        values = listed(self.values, MOST_VALUES)
        were = "was" if self.count == 1 else "were"
        return f"{self.column}: {self.count:,} of {self.rows:,} values {were} {self.problem} ({values})"


@dataclass
class StrangeCounts:
    """The strange cells of a table, counted part by part.

    Attributes:
        rows: how many were looked at, in all columns.
    """

    rows: int = 0
    _counts: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)

    def note_misfits(self, name: str, schema: ColumnSchema, cells: Column, misfits: np.ndarray) -> None:
        """Count the cells of a column that the schema cannot read, as booleans ``(rows,)`` say."""
        if misfits.any():
            texts = (text_of(cells.shown(row)) for row in np.flatnonzero(misfits).tolist())
            self._note(name, f"not {schema.expected} and counted as missing", Counter(texts))

    def note_unseen(self, name: str, encoder: object, texts: Column) -> None:
        """Count the levels of a column that the encoder of a category has not seen."""
        if isinstance(encoder, ListEncoder):
            texts = exploded(texts, encoder.separator)
        if (
            isinstance(encoder, CategoryEncoder | CodeEncoder | ListEncoder)
            and (known := encoder.known) is not None
        ):
            counts = np.bincount(texts.values[texts.values >= 0], minlength=len(texts.levels))
            pairs = zip(texts.levels.to_pylist(), counts.tolist())
            self._note(name, UNSEEN, {level: n for level, n in pairs if n and level not in known})

    def _note(self, name: str, problem: str, counts: Mapping[str, int]) -> None:
        if counts:
            self._counts.setdefault((name, problem), Counter()).update(counts)

    def __iter__(self) -> Iterator[StrangeCells]:
        """The columns that have strange cells."""
        for (name, problem), counts in self._counts.items():
            values = [value for value, _ in counts.most_common()]
            yield StrangeCells(name, counts.total(), self.rows, values, problem)

    def warn(self) -> None:
        """Warn of each column."""
        for cells in self:
            warnings.warn(str(cells), StrangeCellsWarning, stacklevel=3)
