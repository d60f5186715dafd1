"""Rows drawn from a table that may be larger than memory, and the values of the column to be predicted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from plaingrad.errors import InputError
from plaingrad.tables.mapped.pieces import Piece, Pieces, as_frame

CELLS = 4_000_000  # of a sample, which is in memory
FEWEST_ROWS, MOST_ROWS = 10_000, 500_000
SURPLUS = 1.25  # times as many rows are kept on the way, lest each piece cost a copy of all
MOST_VALUES = 10_000  # distinct ones of a target that is counted


@dataclass(frozen=True)
class Sample:
    """Rows drawn from a table, in their order; all of them if it has no more.

    Attributes:
        frame: their cells as they stand; its index counts them.
        rows: the number of rows of the table.
        indices: the number of each in the table, from 0, int64 ``(sampled rows,)``.
        numbers: the number of each in its file.
        sources: the index of the file of each in ``files``.
        files: of the table.
        rare: values of the target that stand in the table more often than here, up to twice.
    """

    frame: pd.DataFrame
    rows: int
    indices: np.ndarray
    numbers: np.ndarray
    sources: np.ndarray
    files: list[Path]
    rare: pa.Array

    @property
    def is_whole(self) -> bool:
        """True if these are all rows."""
        return len(self.frame) == self.rows

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give errors about one of these rows the file and the row there."""
        try:
            yield
        except InputError as error:
            if error.row is not None and error.row < len(self.frame):
                error.file = error.file or self.files[self.sources[error.row]]
                error.row = int(self.numbers[error.row])
            elif error.row is not None:
                error.row = None
            if error.file is None and len(self.files) == 1:
                error.file = self.files[0]
            raise


def sample_size(columns: int) -> int:
    """The most rows, of so many columns, that are held in memory."""
    return min(MOST_ROWS, max(FEWEST_ROWS, CELLS // columns))


def drawn(
    pieces: Pieces, target: str, most: int | None = None, progress: Callable[[Piece], object] | None = None
) -> Sample:
    """Read a table once, and draw rows from it.

    Which rows are drawn depends on their number alone, not on the pieces that they come in.

    Args:
        pieces: the table.
        target: the column whose values are counted.
        most: how many rows to draw at most; by default as many as `sample_size` says.
        progress: called with each piece.

    Raises:
        InputError: the table has no rows, or cannot be read.
    """
    most = sample_size(len(pieces.names)) if most is None else most
    random, kept, count = np.random.default_rng(0), _Kept(most), 0
    values: Counter[Any] | None = Counter()
    for piece in pieces:
        kept.add(piece, random.random(len(piece.table)))
        count += len(piece.table)
        if values is not None:
            values.update(_counted(piece.table[target]))
            values = values if len(values) <= MOST_VALUES else None
        if progress:
            progress(piece)
    if not count:
        raise InputError("the table has no rows", file=pieces.files[0][0])
    table, indices, numbers, sources = kept.rows()
    rare: list[Any] = []
    if values is not None and len(table) < count:
        here = Counter(_counted(table[target]))
        rare = [value for value, n in values.items() for _ in range(min(n, 2) - here[value])]
    frame, kind = as_frame(table), table.schema.field(target).type
    return Sample(frame, count, indices, numbers, sources, kept.files, pa.array(rare, kind))


def _counted(column: pa.ChunkedArray) -> dict[Any, int]:
    """The number of rows of each value that is not missing."""
    counts = column.value_counts()
    pairs = zip(counts.field(0).to_pylist(), counts.field(1).to_pylist())
    return {value: count for value, count in pairs if value is not None}


class _Kept:
    """The rows with the smallest keys, of all that were added.

    Args:
        most: how many.
    """

    def __init__(self, most: int) -> None:
        self.most, self.limit = most, np.inf
        self.tables: list[pa.Table] = []
        self.keys: list[np.ndarray] = []
        self.positions: list[np.ndarray] = []
        self.files: list[Path] = []
        self.count = 0

    def add(self, piece: Piece, keys: np.ndarray) -> None:
        """Keep those of a piece whose keys are small enough."""
        if piece.file not in self.files[-1:]:
            self.files.append(piece.file)
        small = np.flatnonzero(keys <= self.limit)
        source = np.full(len(small), len(self.files) - 1)
        all_of_it = len(small) == len(keys)
        self.tables.append(piece.table if all_of_it else piece.table.take(pa.array(small)))
        self.keys.append(keys[small])
        self.positions.append(np.stack([piece.start + small, piece.first + small, source]))
        self.count += len(small)
        if self.count > SURPLUS * self.most:
            self._prune()

    def _prune(self) -> None:
        """Leave out the rows with the largest keys, if there are too many."""
        keys = np.concatenate(self.keys)
        if len(keys) > self.most:
            self.limit = np.partition(keys, self.most - 1)[self.most - 1]
        for i, own in enumerate(self.keys):
            small = np.flatnonzero(own <= self.limit)
            if len(small) < len(own):
                self.tables[i] = self.tables[i].take(pa.array(small))
                self.keys[i], self.positions[i] = own[small], self.positions[i][:, small]
        self.count = sum(map(len, self.keys))

    def rows(self) -> tuple[pa.Table, np.ndarray, np.ndarray, np.ndarray]:
        """The rows, their numbers in the table and in their files, and the indices of the files."""
        self._prune()
        table = pa.concat_tables(self.tables).combine_chunks()
        self.tables.clear()
        indices, numbers, sources = np.concatenate(self.positions, axis=1)
        return table, indices, numbers, sources
