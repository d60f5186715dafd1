"""Dates for a network: when, and where in the year, the week and the day."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

import numpy as np
import pandas as pd

from plaingrad.saving.schema import Number, Positive, Strict, expect_distinct
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.numeric import TELLS, Standard


def _year(dates: pd.DatetimeIndex) -> np.ndarray:
    return (dates.day_of_year.to_numpy() - 1) / 366


def _week(dates: pd.DatetimeIndex) -> np.ndarray:
    return dates.day_of_week.to_numpy() / 7


def _day(dates: pd.DatetimeIndex) -> np.ndarray:
    return (dates.hour.to_numpy() * 3600 + dates.minute.to_numpy() * 60 + dates.second.to_numpy()) / 86400


Cycle = Literal["year", "week", "day"]
CYCLES: dict[Cycle, Callable[[pd.DatetimeIndex], np.ndarray]] = {"year": _year, "week": _week, "day": _day}


class DateEncoder(Strict, frozen=True):
    """A date: seconds standardised, and sine and cosine of the place in the year, the week and the day.

    A missing date becomes 0 everywhere, which one more feature tells.

    Attributes:
        mean: of the seconds since 1970.
        deviation: of the seconds since 1970.
        cycles: those of "year", "week", "day" in which the dates differ.
        indicator: whether there is a feature for missing values.
    """

    kind: ClassVar[str] = "date"
    mean: Number
    deviation: Positive
    cycles: list[Cycle]
    indicator: bool

    def __post_init__(self) -> None:
        expect_distinct("cycles", self.cycles)

    @classmethod
    def of(cls, column: Column) -> DateEncoder:
        """Measure a column of dates."""
        dates = column.values
        present = dates[~np.isnat(dates)]
        index = pd.DatetimeIndex(present)
        cycles = [name for name, phase in CYCLES.items() if np.ptp(phase(index)) > 0]
        standard = Standard.of(seconds_of(present))
        return cls(standard.mean, standard.deviation, cycles, len(present) < len(dates))

    @property
    def description(self) -> str:
        """The encoding in words."""
        cycles = f", place in the {', '.join(self.cycles)}" if self.cycles else ""
        return f"seconds standardised{cycles}" + (f", 0 where missing{TELLS}" if self.indicator else "")

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        circles = [f"_{cycle}_{wave}" for cycle in self.cycles for wave in ("sin", "cos")]
        return ["_seconds", *circles, *["_missing"] * self.indicator]

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        dates = column.values
        missing = np.isnat(dates)
        index = pd.DatetimeIndex(np.where(missing, np.datetime64(0, "us"), dates))
        out[:, 0] = Standard(self.mean, self.deviation).apply(seconds_of(index.to_numpy()))
        for i, cycle in enumerate(self.cycles):
            angle = 2 * np.pi * CYCLES[cycle](index)
            out[:, 1 + 2 * i] = np.sin(angle)
            out[:, 2 + 2 * i] = np.cos(angle)
        out[missing] = 0
        if self.indicator:
            out[:, -1] = missing


def seconds_of(dates: np.ndarray) -> np.ndarray:
    """Dates as seconds since 1970."""
    return dates.astype("datetime64[us]").astype(np.int64) / 1e6
