"""The rows that baselines are trained on and judged by, with the columns as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plaingrad.tables import TableEncoder
from plaingrad.tables.columns.raw import RawTable
from plaingrad.tables.model.rows import Rows, Samples

MOST_NUMBERS = 5_000_000  # in the matrix of training rows: more change little and take long
FEWEST_ROWS = 1000  # of them, if the table has as many


@dataclass(frozen=True)
class RawRows:
    """Training rows, of which many a sample, and test rows.

    Attributes:
        table: the meaning of the features.
        indices: of the sampled rows among the training rows, ``(sampled rows,)``.
        train: the features of these, float32 ``(sampled rows, features)``.
        test: the features of the test rows, float32 ``(test rows, features)``.
    """

    table: RawTable
    indices: np.ndarray
    train: np.ndarray
    test: np.ndarray

    @classmethod
    def of(cls, encoder: TableEncoder, train: Rows, test: Rows, seed: int) -> RawRows:
        """Draw the sample, and take the columns that an encoder uses."""
        indices = _drawn(len(train), len(encoder.used_), seed)
        with train.located():
            table = RawTable.of(encoder, train.frame.iloc[indices])
            if len(table.kinds) > len(encoder.used_):
                indices = indices[_drawn(len(indices), len(table.kinds), seed)]
            features = table.transform(train.frame.iloc[indices])
        with test.located():
            return cls(table, indices, features, table.transform(test.frame))

    def samples(self, train: Samples) -> Samples:
        """The sampled ones of the training rows, with these features."""
        weights, groups = (
            None if each is None else each[self.indices] for each in (train.weights, train.groups)
        )
        return Samples(self.train, train.y[self.indices], weights, groups)


def sample_size(features: int) -> int:
    """The most rows, of so many features, that baselines are trained on."""
    return max(FEWEST_ROWS, MOST_NUMBERS // features)


def _drawn(rows: int, features: int, seed: int) -> np.ndarray:
    """The indices of a sample of rows, in order."""
    most = sample_size(features)
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
