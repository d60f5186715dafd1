"""Categories for a network: one feature a level, or one code for an embedding."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
import pandas as pd

from plaingrad.saving.schema import Strict, expect_distinct
from plaingrad.tables.columns.column import Column

RARE_ROWS, RARE_SHARE = 20, 0.001


def counted_levels(texts: Column, most: int) -> tuple[list[str], list[str]]:
    """The levels that are worth a feature each, the most frequent first, and the rare ones.

    Args:
        texts: text.
        most: how many frequent levels at most.
    """
    counts = np.bincount(texts.values[texts.values >= 0], minlength=len(texts.levels))
    return ranked(texts.levels.to_pylist(), counts, len(texts.values), most)


def ranked(texts: list[str], counts: np.ndarray, rows: int, most: int) -> tuple[list[str], list[str]]:
    """The levels that are worth a feature each, the most frequent first, and the rare ones.

    Args:
        texts: the levels.
        counts: the number of rows of each, ``(levels,)``.
        rows: how many rows there are.
        most: how many frequent levels at most.
    """
    levels = pd.DataFrame({"level": texts, "count": counts})
    levels = levels[levels["count"] > 0].sort_values(["count", "level"], ascending=[False, True])
    fewest = max(1, min(RARE_ROWS, RARE_SHARE * rows))
    frequent = min(most, int((levels["count"] >= fewest).sum()))
    names = levels["level"].tolist()
    return names[:frequent], names[frequent:]


def _known(levels: list[str], rare: list[str] | None) -> frozenset[str] | None:
    return None if rare is None else frozenset((*levels, *rare))


def positions_of(levels: list[str], texts: Column) -> np.ndarray:
    """The index of each row's text among the levels; -1 for another one, -2 for a missing one."""
    codes = pd.Index(levels, dtype=object).get_indexer(pd.Index(texts.levels.to_pylist(), dtype=object))
    return np.append(codes, -2)[texts.values]


class CategoryEncoder(Strict, frozen=True):
    """A category: one feature a frequent level, one for all rare levels, one for missing values.

    The last two are there if the column had such values when it was fitted. A level that was not known then
    counts as rare; without that feature, all features are 0.

    Attributes:
        levels: the frequent levels.
        other: whether there is a feature for the rare ones.
        indicator: whether there is a feature for missing values.
        rare: the rare levels; None in an encoder of version 0.2, which does not know them.
    """

    kind: ClassVar[str] = "category"
    levels: list[str]
    other: bool
    indicator: bool
    rare: list[str] | None = None

    def __post_init__(self) -> None:
        expect_distinct("levels", [*self.levels, *(self.rare or ())])

    @classmethod
    def of(cls, column: Column, most: int) -> CategoryEncoder:
        """Count the levels of a column."""
        levels, rare = counted_levels(column, most)
        return cls(levels, bool(rare), bool(column.missing().any()), rare)

    @property
    def known(self) -> frozenset[str] | None:
        """All levels that it has seen; None if it does not know the rare ones."""
        return frozenset(self.levels) if not self.other else _known(self.levels, self.rare)

    @property
    def description(self) -> str:
        """The encoding in words."""
        rest = [", one for all rare ones"] * self.other + [", one for missing ones"] * self.indicator
        return f"one feature for each of {len(self.levels)} levels" + "".join(rest)

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        levels = [f"_{level}" for level in self.levels]
        return levels + ["_(other)"] * self.other + ["_(missing)"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        positions = positions_of(self.levels, column)
        out[:] = 0
        known = np.flatnonzero(positions >= 0)
        out[known, positions[known]] = 1
        if self.other:
            out[positions == -1, len(self.levels)] = 1
        if self.indicator:
            out[positions == -2, -1] = 1


class CodeEncoder(Strict, frozen=True):
    """A category as one integer for an embedding: 0 for a rare, an unknown or a missing level, or 1, 2, ...

    Attributes:
        levels: the levels that have a code of their own, from 1.
        rare: the rare levels; None in an encoder of version 0.2, which does not know them.
    """

    kind: ClassVar[str] = "category"
    levels: list[str]
    rare: list[str] | None = None

    def __post_init__(self) -> None:
        expect_distinct("levels", [*self.levels, *(self.rare or ())])

    @classmethod
    def of(cls, column: Column, most: int) -> CodeEncoder:
        """Count the levels of a column."""
        return cls(*counted_levels(column, most))

    @property
    def known(self) -> frozenset[str] | None:
        """All levels that it has seen; None if it does not know the rare ones."""
        return _known(self.levels, self.rare)

    @property
    def description(self) -> str:
        """The encoding in words."""
        return f"a code below {self.cardinality} for an embedding, 0 for rare and missing ones"

    @property
    def cardinality(self) -> int:
        """The number of codes, 0 among them."""
        return len(self.levels) + 1

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return [""]

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        out[:, 0] = positions_of(self.levels, column).clip(min=-1) + 1
