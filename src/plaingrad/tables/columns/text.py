"""Text of many distinct values for a network: its letters in groups, condensed."""

from __future__ import annotations

from typing import Annotated, ClassVar

import numpy as np
import pyarrow as pa
from msgspec import Meta
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from plaingrad.errors import InputError
from plaingrad.saving.schema import Strict
from plaingrad.tables.columns.column import Column

BUCKETS = 4096
ROW = 4 * BUCKETS  # bytes
COMPONENTS = 20
MOST_FITTED = 20_000


class TextEncoder(Strict, frozen=True):
    """Text by the groups of three and four letters in it, weighted by how rare they are (tf-idf), condensed.

    Similar texts become similar features. A missing text becomes 0 everywhere.

    Attributes:
        weights: float32 ``(buckets,)`` as little-endian bytes, the logarithm of how rare the groups in each
            bucket are.
        components: float32 ``(features, buckets)``, such bytes as well, the directions in which the texts
            differ most, such that the features have a variance of 1 on average.
        indicator: whether there is a feature for missing values.
    """

    kind: ClassVar[str] = "text"
    weights: Annotated[bytes, Meta(min_length=ROW, max_length=ROW)]
    components: Annotated[bytes, Meta(min_length=ROW)]
    indicator: bool

    def __post_init__(self) -> None:
        for name in ("weights", "components"):
            data = getattr(self, name)
            if len(data) % ROW or not np.isfinite(_rows(data)).all():
                raise InputError(f"{name}: expected finite rows of {BUCKETS:,} numbers, got others")

    @classmethod
    def of(cls, column: Column) -> TextEncoder:
        """Learn from the distinct texts of a column, or 20,000 drawn from them."""
        levels = column.levels
        if len(levels) > MOST_FITTED:
            drawn = np.random.default_rng(0).choice(len(levels), MOST_FITTED, replace=False)
            levels = levels.take(pa.array(np.sort(drawn)))
        counts = _counts(levels)
        weights = TfidfTransformer().fit(counts).idf_.astype(np.float32)
        weighted = _weighted(counts, weights)
        condensing = TruncatedSVD(max(1, min(COMPONENTS, len(levels) - 1)), random_state=0)
        features = condensing.fit_transform(weighted)
        deviation = np.sqrt(features.var(0).mean())
        components = (condensing.components_ / (deviation or 1)).astype(np.float32)
        return cls(_bytes(weights), _bytes(components), bool(column.missing().any()))

    @property
    def count(self) -> int:
        """The number of features without that for missing values."""
        return len(self.components) // ROW

    @property
    def description(self) -> str:
        """The encoding in words."""
        indicator = ", one for missing ones" if self.indicator else ""
        return f"groups of letters condensed to {self.count} features{indicator}"

    def suffixes(self) -> list[str]:
        """The endings of the features' names, after the column's name."""
        return [f"_{i}" for i in range(self.count)] + ["_(missing)"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        features = np.zeros((len(column.levels) + 1, self.count), np.float32)
        if len(column.levels):
            weighted = _weighted(_counts(column.levels), _rows(self.weights)[0])
            features[:-1] = weighted @ _rows(self.components).T
        out[:, : self.count] = features[column.values]
        if self.indicator:
            out[:, -1] = column.missing()


def _bytes(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, "<f4").tobytes()


def _rows(data: bytes) -> np.ndarray:
    """float32 ``(rows, buckets)``."""
    return np.frombuffer(data, "<f4").astype(np.float32).reshape(-1, BUCKETS)


def _counts(levels: pa.Array) -> csr_matrix:
    """The counts of groups of letters in each text, ``(texts, buckets)``."""
    vectorizer = HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 4),
        n_features=BUCKETS,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )
    return vectorizer.transform(levels.to_pylist())


def _weighted(counts: csr_matrix, weights: np.ndarray) -> csr_matrix:
    """The counts weighted, each text of length 1."""
    transformer = TfidfTransformer()
    transformer.idf_ = weights
    return transformer.transform(counts).astype(np.float32)
