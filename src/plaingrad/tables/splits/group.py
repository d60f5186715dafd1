"""Rows held out by group, so that no group is on both sides."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from plaingrad.console.output import plural
from plaingrad.errors import InputError
from plaingrad.tables import Target
from plaingrad.tables.columns.column import Column
from plaingrad.tables.reading.missing import without_words
from plaingrad.tables.splits.split import Pair, Split, counted_parts

CANDIDATES = 20  # draws, of which the one with the most even shares is taken
MOST_STRATIFIED = 5000  # groups: StratifiedGroupKFold takes seconds for more, whose shares even out anyway


@dataclass(frozen=True)
class GroupSplit(Split):
    """Whole groups drawn at random; classes keep their share in both parts as far as groups allow.

    Attributes:
        column: the column of the groups.
        groups: the group of each row, from 0, int64 ``(rows,)``.
        missing: how many rows of the table have no group; each of them is one of its own.
    """

    column: str
    groups: np.ndarray
    missing: int = 0
    kind: ClassVar[str] = "group"

    @classmethod
    def of(cls, cells: pd.Series, column: str) -> GroupSplit:
        """Number the groups of a column as it stands in the table."""
        codes = _codes(Column.of(cells))
        alone = codes < 0
        codes[alone] = codes.max(initial=-1) + 1 + np.arange(alone.sum())
        return cls(column, codes, int(alone.sum()))

    @property
    def units(self) -> np.ndarray:
        """The group of each row."""
        return self.groups

    def take(self, indices: np.ndarray) -> GroupSplit:
        """The same for some of the rows, in this order."""
        return replace(self, groups=self.groups[indices])

    def divided(self, y: np.ndarray, target: Target, size: float, seed: int) -> Pair:
        """Draw about a fraction of the groups."""
        from sklearn.model_selection import GroupShuffleSplit

        count = len(np.unique(self.groups))
        if count < 2:
            problem = "too few groups: expected at least two to hold one out, got one"
            raise InputError(problem, column=self.column)
        drawn = min(max(1, round(size * count)), count - 1)
        draws = GroupShuffleSplit(CANDIDATES, test_size=drawn, random_state=seed)
        return min(draws.split(y, groups=self.groups), key=lambda pair: _unevenness(y, pair[1], target, size))

    def folds(self, y: np.ndarray, target: Target, count: int, seed: int) -> list[Pair]:
        """Draw folds of about the same size."""
        from sklearn.model_selection import GroupKFold, StratifiedGroupKFold

        groups = len(np.unique(self.groups))
        self.expect_folds("groups", groups, count)
        if target.labels and groups <= MOST_STRATIFIED and np.bincount(y).max() >= count:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The least populated class")
                kind = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
                folds = list(kind.split(y, y, self.groups))
            if all(len(tested) for _, tested in folds):  # it may leave one empty
                return folds
        return list(GroupKFold(count, shuffle=True, random_state=seed).split(y, y, self.groups))

    def part(self) -> dict[str, Any]:
        """The number of groups of a part."""
        return {"groups": len(np.unique(self.groups))}

    def description(self, parts: dict[str, dict[str, Any]]) -> str:
        """The number of groups of each part, and of rows without one."""
        counts = counted_parts({name: plural(part["groups"], "group") for name, part in parts.items()})
        alone = f"; {self.missing:,} without one are each of their own" if self.missing else ""
        return f"split by {self.column!r}: {counts}{alone}"

    def judged_by(self, part: dict[str, Any]) -> str:
        """The groups of the test rows."""
        groups = plural(part["groups"], "group")
        return f" Split by group: no other part has a row of their {groups} of {self.column!r}."

    def cross_validated_by(self, folds: int, rows: int) -> str:
        """The rows that a cross-validation judges by, in words."""
        return f"{super().cross_validated_by(folds, rows)}, no group of {self.column!r} in two of the folds"


def _codes(column: Column) -> np.ndarray:
    """Integers that differ where values do, -1 for a missing one."""
    if column.form != "text":
        return pd.factorize(column.values)[0].astype(np.int64)
    absent = pc.is_null(without_words(column.levels)).to_numpy(zero_copy_only=False)
    return np.where(np.append(absent, True)[column.values], -1, column.values)


def _unevenness(y: np.ndarray, drawn: np.ndarray, target: Target, size: float) -> float:
    """The distance of the shares that are drawn, of all rows or of each class, from a fraction."""
    if not target.labels:
        return abs(len(drawn) / len(y) - size)
    every, some = np.bincount(y), np.bincount(y[drawn], minlength=int(y.max()) + 1)
    return float(np.abs(some[every > 0] / every[every > 0] - size).mean())
