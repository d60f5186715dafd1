"""Values that a category did not have in training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from plaingrad.console.output import Reporter
from plaingrad.tables import TableEncoder
from plaingrad.tables.columns.category import CategoryEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.meaning import as_texts
from plaingrad.tables.errors import listed

MOST_VALUES = 5


@dataclass(frozen=True)
class Unseen:
    """Values of a column that were not seen in training, where these count as none of its levels.

    Attributes:
        column: its name.
        count: how many rows have such a value.
        rows: how many there are.
        values: the values, the most frequent first.
    """

    column: str
    count: int
    rows: int
    values: Sequence[str]

    def __str__(self) -> str:
        values = listed(self.values, MOST_VALUES)
        were = "was" if self.count == 1 else "were"
        return f"{self.column}: {self.count:,} of {self.rows:,} values {were} not seen in training ({values})"


def unseen(encoder: TableEncoder, frame: pd.DataFrame) -> Iterator[Unseen]:
    """Find such values in the columns of a table that has been encoded.

    A column with rare levels has a feature for all that are not frequent, and one that is embedded a code:
    there a new value is what it was made for.
    """
    for name, each in encoder.used_.items():
        if not isinstance(each, CategoryEncoder) or each.other:
            continue
        texts = as_texts(Column.of(frame[name]))
        counts = np.bincount(texts.values[texts.values >= 0], minlength=len(texts.levels))
        unknown = pd.Series(counts, index=texts.levels.to_pylist()).drop(each.levels, errors="ignore")
        unknown = unknown[unknown > 0].sort_values(ascending=False, kind="stable")
        if len(unknown):
            yield Unseen(name, int(unknown.sum()), len(frame), list(unknown.index))


def warned(encoder: TableEncoder, frame: pd.DataFrame, reporter: Reporter) -> list[dict[str, Any]]:
    """Warn of such values, in a line for each column; returns the same for a program."""
    columns = list(unseen(encoder, frame))
    for each in columns:
        reporter.warn(str(each))
    return [{**asdict(each), "values": list(each.values)[:MOST_VALUES]} for each in columns]
