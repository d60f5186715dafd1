"""Encoders of columns whose numbers come from all rows of a table, which come piece by piece."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Protocol

import msgspec
import numpy as np
import pandas as pd

from plaingrad.tables.columns.category import CategoryEncoder, CodeEncoder, ranked
from plaingrad.tables.columns.choosing import MOST_CODES, ColumnEncoder
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.date import CYCLES, DateEncoder, seconds_of
from plaingrad.tables.columns.items import exploded
from plaingrad.tables.columns.location import LocationEncoder, coordinates
from plaingrad.tables.columns.multilabel import ListEncoder
from plaingrad.tables.columns.numeric import BooleanEncoder, NumberEncoder, Standard
from plaingrad.tables.columns.text import TextEncoder

MOST_COUNTED = 200_000  # levels of a column, above which those that stood once so far are forgotten


class Moments:
    r"""The mean and the standard deviation of numbers that come piece by piece.

    Two parts of :math:`n_a` and :math:`n_b` numbers with the means :math:`m_a, m_b` and the sums of squared
    distances from these :math:`s_a, s_b` are together, with :math:`d = m_b - m_a`,

    .. math::
        m = m_a + \frac{n_b}{n_a + n_b} d, \qquad s = s_a + s_b + \frac{n_a n_b}{n_a + n_b} d^2

    Numbers are taken as distances from an estimate of the mean in units of an estimate of the deviation,
    whose squares neither overflow nor vanish.

    Args:
        estimate: of mean and deviation.

    Source: T. Chan, G. Golub, R. LeVeque, "Updating formulae and a pairwise algorithm for computing sample
    variances", 1979.
    """

    def __init__(self, estimate: Standard) -> None:
        self.estimate = estimate
        self.count, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, values: np.ndarray) -> None:
        """Add numbers, none of which is nan."""
        if not len(values):
            return
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = (values - self.estimate.mean) / self.estimate.deviation
            mean = float(scaled.mean())
            squares = float(((scaled - mean) ** 2).sum())
        count = self.count + len(values)
        distance = mean - self.mean
        self.squares += squares + distance**2 * self.count * len(values) / count
        self.mean += distance * len(values) / count
        self.count = count

    def standard(self) -> Standard:
        """Mean and deviation; the estimate where these are beyond all numbers, or there were none."""
        estimate = self.estimate
        mean = estimate.mean + estimate.deviation * self.mean
        deviation = estimate.deviation * math.sqrt(self.squares / self.count) if self.count else 0.0
        if not (math.isfinite(mean) and 0 < deviation < math.inf):
            return estimate
        return Standard(mean, deviation)


class Measurer(Protocol):
    """An encoder that is measured anew."""

    def add(self, column: Column) -> None:
        """Look at some rows, as the column's schema reads them."""
        ...

    def encoder(self) -> ColumnEncoder:
        """The encoder for all rows that were added."""
        ...


class _Numbers:
    def __init__(self, encoder: NumberEncoder) -> None:
        self.before = encoder
        self.moments = Moments(Standard(encoder.mean, encoder.deviation))
        self.least, self.largest, self.indicator = math.inf, -math.inf, False

    def add(self, column: Column) -> None:
        missing = column.missing()
        present = column.values[~missing]
        self.indicator = self.indicator or bool(missing.any())
        if len(present):
            self.least = min(self.least, float(present.min()))
            self.largest = max(self.largest, float(present.max()))
        self.moments.add(present)

    def encoder(self) -> ColumnEncoder:
        before, standard = self.before, self.moments.standard()
        # The same intervals of the numbers themselves.
        shift = (before.mean - standard.mean) / standard.deviation
        edges = [edge * before.deviation / standard.deviation + shift for edge in before.edges]
        changes = {"varies": self.least < self.largest, "indicator": self.indicator, "edges": edges}
        return msgspec.structs.replace(before, mean=standard.mean, deviation=standard.deviation, **changes)


class _TruthValues:
    def __init__(self, encoder: BooleanEncoder) -> None:
        self.before, self.values = encoder, set[float]()
        self.indicator = False

    def add(self, column: Column) -> None:
        missing = column.missing()
        self.indicator = self.indicator or bool(missing.any())
        self.values.update(np.unique(column.values[~missing]).tolist())

    def encoder(self) -> ColumnEncoder:
        return BooleanEncoder(len(self.values) > 1, self.indicator)


class _Dates:
    def __init__(self, encoder: DateEncoder) -> None:
        self.moments, self.indicator = Moments(Standard(encoder.mean, encoder.deviation)), False
        self.bounds = {name: (math.inf, -math.inf) for name in CYCLES}

    def add(self, column: Column) -> None:
        missing = column.missing()
        present = column.values[~missing]
        self.indicator = self.indicator or bool(missing.any())
        if not len(present):
            return
        self.moments.add(seconds_of(present))
        index = pd.DatetimeIndex(present)
        for name, phase in CYCLES.items():
            phases, (low, high) = phase(index), self.bounds[name]
            self.bounds[name] = min(low, float(phases.min())), max(high, float(phases.max()))

    def encoder(self) -> ColumnEncoder:
        standard = self.moments.standard()
        cycles = [name for name, (low, high) in self.bounds.items() if low < high]
        return DateEncoder(standard.mean, standard.deviation, cycles, self.indicator)


class _Counts:
    """The numbers of rows of the levels of a column, of which those that are very rare may be forgotten."""

    def __init__(self) -> None:
        self.counts, self.rows, self.missing, self.forgotten = Counter[str](), 0, False, False

    def add(self, texts: Column) -> None:
        """Count the levels of some rows."""
        codes = texts.values[texts.values >= 0]
        counts = np.bincount(codes, minlength=len(texts.levels))
        used = np.flatnonzero(counts)
        self.counts.update(dict(zip(texts.levels.take(used).to_pylist(), counts[used].tolist())))
        self.rows += len(texts.values)
        self.missing = self.missing or len(codes) < len(texts.values)
        if len(self.counts) > MOST_COUNTED:
            self.counts = Counter({level: count for level, count in self.counts.items() if count > 1})
            self.forgotten = True

    def ranked(self, most: int) -> tuple[list[str], list[str]]:
        """The levels that are worth a feature each, and the rare ones that are known."""
        counts = np.fromiter(self.counts.values(), np.int64, len(self.counts))
        return ranked(list(self.counts), counts, self.rows, most)


class _Levels:
    def __init__(self, encoder: CategoryEncoder | CodeEncoder, most: int) -> None:
        self.kind, self.most, self.counts = type(encoder), most, _Counts()

    def add(self, column: Column) -> None:
        self.counts.add(column)

    def encoder(self) -> ColumnEncoder:
        levels, rare = self.counts.ranked(MOST_CODES if self.kind is CodeEncoder else self.most)
        known = None if self.counts.forgotten else rare
        if self.kind is CodeEncoder:
            return CodeEncoder(levels, known)
        return CategoryEncoder(levels, known is None or bool(known), self.counts.missing, known)


class _Items:
    def __init__(self, encoder: ListEncoder, most: int) -> None:
        self.before, self.most, self.counts, self.indicator = encoder, most, _Counts(), False

    def add(self, column: Column) -> None:
        self.counts.add(exploded(column, self.before.separator))
        self.indicator = self.indicator or bool(column.missing().any())

    def encoder(self) -> ColumnEncoder:
        items, rare = self.counts.ranked(self.most)
        return ListEncoder(self.before.separator, items, rare, self.indicator)


class _Locations:
    def __init__(self, encoder: LocationEncoder) -> None:
        self.before, self.indicator = encoder, False
        self.moments = [Moments(Standard(*pair)) for pair in zip(encoder.mean, encoder.deviation)]

    def add(self, column: Column) -> None:
        missing = column.missing()
        pairs = coordinates(column.levels, self.before.order)[column.values[~missing]]
        for moments, values in zip(self.moments, pairs.T):
            moments.add(values)
        self.indicator = self.indicator or bool(missing.any())

    def encoder(self) -> ColumnEncoder:
        standards = [moments.standard() for moments in self.moments]
        means, deviations = [each.mean for each in standards], [each.deviation for each in standards]
        return LocationEncoder(self.before.order, means, deviations, self.indicator)


class _Texts:
    def __init__(self, encoder: TextEncoder) -> None:
        self.before, self.indicator = encoder, False

    def add(self, column: Column) -> None:
        self.indicator = self.indicator or bool(column.missing().any())

    def encoder(self) -> ColumnEncoder:
        return msgspec.structs.replace(self.before, indicator=self.indicator)


def measurer(encoder: Any, max_levels: int) -> Measurer:
    """The measurer of an encoder that was fitted to a sample.

    Args:
        encoder: of a column.
        max_levels: how many levels get a feature each, at most.
    """
    match encoder:
        case NumberEncoder():
            return _Numbers(encoder)
        case BooleanEncoder():
            return _TruthValues(encoder)
        case DateEncoder():
            return _Dates(encoder)
        case CategoryEncoder() | CodeEncoder():
            return _Levels(encoder, max_levels)
        case ListEncoder():
            return _Items(encoder, max_levels)
        case LocationEncoder():
            return _Locations(encoder)
        case _:
            return _Texts(encoder)
