"""Numbers and truth values for a network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from plaingrad.data.scale import Scale
from plaingrad.saving.schema import Number, Positive, Strict
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.meaning import as_numbers, as_truth_values
from plaingrad.tables.columns.numberformat import DEFAULT_FORMAT, NumberFormat

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


class NumberEncoder(Strict, frozen=True, omit_defaults=True):
    """A number: standardised, the median where it is missing, which a second feature tells.

    Attributes:
        mean: what is subtracted.
        deviation: what it is then divided by.
        median: what stands for a missing value.
        varies: whether the present values differ; otherwise only the second feature is made.
        indicator: whether there is the second feature.
        format: how text writes these numbers.
    """

    kind: ClassVar[str] = "number"
    mean: Number
    deviation: Positive
    median: Number
    varies: bool
    indicator: bool
    format: NumberFormat = DEFAULT_FORMAT

    @classmethod
    def of(cls, column: Column, format: NumberFormat = DEFAULT_FORMAT) -> NumberEncoder:
        """Measure a column."""
        values = as_numbers(column, format)
        present = values[~np.isnan(values)]
        standard = Standard.of(present)
        varies = bool(present.min() < present.max())
        indicator = len(present) < len(values)
        return cls(standard.mean, standard.deviation, _median(present), varies, indicator, format)

    @property
    def description(self) -> str:
        """The encoding in words."""
        if not self.varies:
            return "whether it is missing"
        written = "" if self.format == DEFAULT_FORMAT else f"numbers written as {self.format}, "
        missing = f", median {self.median:.4g} where missing{TELLS}" if self.indicator else ""
        return f"{written}standardised{missing}"

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return [""] * self.varies + ["_missing"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        values = as_numbers(column, self.format)
        missing = np.isnan(values)
        if self.varies:
            standard = Standard(self.mean, self.deviation)
            out[:, 0] = standard.apply(np.where(missing, self.median, values))
        if self.indicator:
            out[:, -1] = missing


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
        """Look at a column."""
        values = as_truth_values(column)
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
        values = as_truth_values(column)
        missing = np.isnan(values)
        if self.varies:
            out[:, 0] = np.where(missing, 0, 2 * values - 1)
        if self.indicator:
            out[:, -1] = missing
