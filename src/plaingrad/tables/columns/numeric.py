"""Numbers and truth values for a network."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

import numpy as np
import torch
from msgspec import field

from plaingrad.data.scale import Scale
from plaingrad.errors import InputError
from plaingrad.saving.schema import Number, Positive, Strict
from plaingrad.tables.columns.column import Column

LARGEST = 1e6
TELLS = ", which one more feature tells"


@dataclass(frozen=True)
class Standard:
    """Numbers in standard deviations from their mean, no further than a million."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: np.ndarray) -> Standard:
        """Measure values ``(n,)``."""
        scale = Scale.of(torch.from_numpy(values)[:, None])
        return cls(scale.mean.item(), scale.deviation.item())

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Standardise values ``(n,)``."""
        with np.errstate(over="ignore"):
            return np.clip((values - self.mean) / self.deviation, -LARGEST, LARGEST)


class NumberEncoder(Strict, frozen=True):
    """A number: standardised, the median where it is missing, which the last feature tells.

    A number may have a feature more for each of several intervals: 0 below it, 1 above it, and in it the
    share of it that lies below the number (piecewise linear encoding). A network then learns a slope for each
    interval, and so steps and bends that would take it many units otherwise.

    Source: Y. Gorishniy, I. Rubachev, A. Babenko, "On embeddings for numerical features in tabular deep
    learning", 2022.

    Attributes:
        mean: what is subtracted.
        deviation: what it is then divided by.
        median: what stands for a missing value.
        varies: whether the present values differ; otherwise only the last feature is made.
        indicator: whether there is the last feature.
        edges: the ends of the intervals, in standard deviations from the mean; none without intervals.
    """

    kind: ClassVar[str] = "number"
    mean: Number
    deviation: Positive
    median: Number
    varies: bool
    indicator: bool
    edges: list[Number] = field(default_factory=list)

    def __post_init__(self) -> None:
        if len(self.edges) == 1 or any(low >= high for low, high in pairwise(self.edges)):
            raise InputError(f"edges: expected rising numbers, at least two or none, got {self.edges!r:.60}")
        if self.edges and not self.varies:
            raise InputError("edges: expected none, for the values do not differ")

    @classmethod
    def of(cls, column: Column, bins: int = 0) -> NumberEncoder:
        """Measure a column of numbers.

        Args:
            column: of numbers.
            bins: how many intervals at most, each with as many of the values; 0 for none.
        """
        present = column.values[~column.missing()]
        standard = Standard.of(present)
        varies = bool(present.min() < present.max())
        indicator = len(present) < len(column.values)
        edges = _edges(standard.apply(present), bins) if varies and bins else []
        return cls(standard.mean, standard.deviation, _median(present), varies, indicator, edges)

    @property
    def description(self) -> str:
        """The encoding in words."""
        if not self.varies:
            return "whether it is missing"
        missing = f", median {self.median:.4g} where missing{TELLS}" if self.indicator else ""
        intervals = f"; place in {len(self.edges) - 1} intervals" if self.edges else ""
        return f"standardised{missing}{intervals}"

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        intervals = [f"_interval_{i}" for i in range(1, len(self.edges))]
        return [""] * self.varies + intervals + ["_missing"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        missing = column.missing()
        if self.varies:
            standard = Standard(self.mean, self.deviation)
            out[:, 0] = values = standard.apply(np.where(missing, self.median, column.values))
            with np.errstate(over="ignore"):
                for feature, (low, high) in enumerate(pairwise(self.edges), 1):
                    out[:, feature] = np.clip((values - low) / (high - low), 0, 1)
        if self.indicator:
            out[:, -1] = missing


def _edges(values: np.ndarray, bins: int) -> list[float]:
    """Those of the values that bound at most so many intervals of as many of them; none of one interval."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1), method="inverted_cdf"))
    return edges.tolist() if len(edges) > 2 else []


def _median(values: np.ndarray) -> float:
    middle = np.partition(values, [(len(values) - 1) // 2, len(values) // 2])
    low, high = middle[(len(values) - 1) // 2], middle[len(values) // 2]
    return float(low / 2 + high / 2) if low != high else float(low)  # a sum of huge numbers would overflow


class BooleanEncoder(Strict, frozen=True):
    """True as 1, false as -1; 0 where it is missing, which a second feature tells.

    Attributes:
        varies: whether both are there; otherwise only the second feature is made.
        indicator: whether there is the second feature.
    """

    kind: ClassVar[str] = "boolean"
    varies: bool
    indicator: bool

    @classmethod
    def of(cls, column: Column) -> BooleanEncoder:
        """Look at a column of truth values."""
        values = column.values
        return cls(bool((values == 0).any() and (values == 1).any()), bool(np.isnan(values).any()))

    @property
    def description(self) -> str:
        """The encoding in words."""
        if not self.varies:
            return "whether it is missing"
        return "1 and -1" + (f", 0 where missing{TELLS}" if self.indicator else "")

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return [""] * self.varies + ["_missing"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        missing = column.missing()
        if self.varies:
            out[:, 0] = np.where(missing, 0, 2 * column.values - 1)
        if self.indicator:
            out[:, -1] = missing
