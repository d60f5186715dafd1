"""Rows held out by time, so that what is judged by is newer than what is learned from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import msgspec
import numpy as np
import pandas as pd

from plaingrad.errors import InputError
from plaingrad.tables import Target
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import schema_of
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.errors import MisfitError
from plaingrad.tables.reading.missing import without_words
from plaingrad.tables.splits.split import Pair, Split, counted_parts

DATES = 'kind = "date" in the file that --columns names says how dates are written'


@dataclass(frozen=True)
class TimeSplit(Split):
    """The newest rows held out; those of the same time stay together.

    Attributes:
        column: the column of the times.
        times: of each row, datetime64[us] or float64 ``(rows,)``.
        missing: how many rows of the table have none; they are left out.
    """

    column: str
    times: np.ndarray
    missing: int = 0
    kind: ClassVar[str] = "time"

    @classmethod
    def of(cls, cells: pd.Series, column: str, schema: ColumnSchema | None) -> TimeSplit:
        """Read the times of a column as it stands in the table.

        Args:
            cells: of the column.
            column: its name.
            schema: its meaning, if that need not be decided.

        Raises:
            InputError: a cell is neither a date nor a number.
        """
        raw = Column.of(cells)
        if raw.missing().all() or (raw.form == "text" and not without_words(raw.levels).drop_null()):
            raise InputError("expected dates or numbers, got missing values alone")
        schema = schema or schema_of(raw)
        if schema.kind == "identifier" and raw.form == "number":
            schema = msgspec.structs.replace(schema, kind="number")
        if schema.kind not in ("date", "number"):
            row = int((~raw.missing()).argmax())
            error = MisfitError(row, "dates or numbers", raw.shown(row))
            error.hint = DATES
            raise error
        times = schema.read_all(raw)
        return cls(column, times.values, int(times.missing().sum()))

    @property
    def known(self) -> np.ndarray:
        """Booleans ``(rows,)``, true where there is a time."""
        return ~pd.isna(self.times)

    def take(self, indices: np.ndarray) -> TimeSplit:
        """The same for some of the rows, in this order."""
        return replace(self, times=self.times[indices])

    def divided(self, y: np.ndarray, target: Target, size: float, seed: int) -> Pair:
        """Hold out the newest rows, from the change of time on that is nearest to the size."""
        ordered = np.sort(self.times)
        changes = 1 + np.flatnonzero(ordered[1:] != ordered[:-1])
        if not len(changes):
            problem = f"too few times: expected older and newer rows, got {len(ordered):,} of the same time"
            raise InputError(problem, column=self.column)
        change = changes[np.abs(changes - (1 - size) * len(ordered)).argmin()]
        newest = self.times >= ordered[change]
        return np.flatnonzero(~newest), np.flatnonzero(newest)

    def folds(self, y: np.ndarray, target: Target, count: int, seed: int) -> list[Pair]:
        """Each window of times and all rows before it, as scikit-learn's TimeSeriesSplit has them."""
        from sklearn.model_selection import TimeSeriesSplit

        distinct, codes = np.unique(self.times, return_inverse=True)
        self.expect_folds("times that differ", len(distinct), count + 1)
        windows = TimeSeriesSplit(count).split(distinct)
        return [
            (np.flatnonzero(codes < window[0]), np.flatnonzero((codes >= window[0]) & (codes <= window[-1])))
            for _, window in windows
        ]

    def part(self) -> dict[str, Any]:
        """The first and the last time of a part."""
        return {"first": self._text(self.times.min()), "last": self._text(self.times.max())}

    def description(self, parts: dict[str, dict[str, Any]]) -> str:
        """The times of each part."""
        spans = {name: f"{part['first']} to {part['last']}" for name, part in parts.items()}
        return f"split by {self.column!r}: {counted_parts(spans)}"

    def judged_by(self, part: dict[str, Any]) -> str:
        """The times of the test rows."""
        return (
            f" Split by time: they are the newest by {self.column!r}, from {part['first']} to {part['last']}."
        )

    def cross_validated_by(self, folds: int, rows: int) -> str:
        """The rows that a cross-validation judges by, in words."""
        windows = f"cross-validation with {folds} expanding windows of {self.column!r}"
        return f"{windows} over the {rows:,} rows that are newer than the first"

    def _text(self, time: Any) -> str | float:
        if self.times.dtype.kind != "M":
            return float(time)
        moment = pd.Timestamp(time)
        return moment.date().isoformat() if moment == moment.normalize() else moment.isoformat()
