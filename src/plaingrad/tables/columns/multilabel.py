"""Lists for a network: one feature an item."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from plaingrad.saving.schema import Strict, expect_distinct
from plaingrad.tables.columns.category import counted_levels
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.items import exploded, split


class ListEncoder(Strict, frozen=True):
    """A list: for each frequent item whether it has it, for all rare items together, and if it is missing.

    The last two are there if the column had such items or missing values when it was fitted. An item that was
    not known then counts as rare; without that feature, it counts for nothing.

    Attributes:
        separator: between the items, as in the `ColumnSchema`.
        items: the frequent ones.
        rare: the others.
        indicator: whether there is a feature for missing values.
    """

    kind: ClassVar[str] = "list"
    separator: str
    items: list[str]
    rare: list[str]
    indicator: bool

    def __post_init__(self) -> None:
        expect_distinct("items", [*self.items, *self.rare])

    @classmethod
    def of(cls, column: Column, separator: str, most: int) -> ListEncoder:
        """Count the items of a column."""
        items, rare = counted_levels(exploded(column, separator), most)
        return cls(separator, items, rare, bool(column.missing().any()))

    @property
    def known(self) -> frozenset[str]:
        """All items that it has seen."""
        return frozenset((*self.items, *self.rare))

    @property
    def description(self) -> str:
        """The encoding in words."""
        rest = [", one for all rare ones"] * bool(self.rare) + [", one for missing lists"] * self.indicator
        return f"one feature for each of {len(self.items)} items" + "".join(rest)

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        items = [f"_{item}" for item in self.items]
        return items + ["_(other)"] * bool(self.rare) + ["_(missing)"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        codes = {item: code for code, item in enumerate(self.items)}
        features = np.zeros((len(column.levels) + 1, out.shape[1]), np.float32)
        for row, text in zip(features, column.levels.to_pylist()):
            for item in split(text or "", self.separator) or ():
                if item in codes:
                    row[codes[item]] = 1
                elif self.rare:
                    row[len(codes)] = 1
        features[-1, -1] = self.indicator
        out[:] = features[column.values]
