"""Text of many distinct values for a network: its letters in groups, condensed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

from plaingrad.errors import InputError
from plaingrad.saving.state import Fields, matrix_text
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.meaning import as_texts

BUCKETS = 4096
COMPONENTS = 20
MOST_FITTED = 20_000


@dataclass(frozen=True, eq=False)
class TextEncoder:
    """Text by the groups of three and four letters in it, weighted by how rare they are (tf-idf), condensed.

    Similar texts become similar features. A missing text becomes 0 everywhere.

    Attributes:
        weights: float32 ``(1, buckets)``, the logarithm of how rare the groups in each bucket are.
        components: float32 ``(features, buckets)``, the directions in which the texts differ most, such that
            the features have a variance of 1 on average.
        indicator: whether there is a feature for missing values.
    """

    kind: ClassVar[str] = "text"
    weights: np.ndarray
    components: np.ndarray
    indicator: bool

    @classmethod
    def of(cls, column: Column) -> TextEncoder:
        """Learn from the distinct texts of a column, or 20,000 drawn from them."""
        texts = as_texts(column)
        levels = texts.levels
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
        return cls(weights[None], components, bool(texts.missing().any()))

    @property
    def told(self) -> str:
        """What is done, in words."""
        indicator = ", one for missing ones" if self.indicator else ""
        return f"groups of letters condensed to {len(self.components)} features{indicator}"

    def suffixes(self) -> list[str]:
        """What the features are named after the column's name."""
        return [f"_{i}" for i in range(len(self.components))] + ["_(missing)"] * self.indicator

    def fill(self, column: Column, out: np.ndarray) -> None:
        """Write the features of a column into ``out`` of shape ``(rows, features)``."""
        texts = as_texts(column)
        features = np.zeros((len(texts.levels) + 1, len(self.components)), np.float32)
        if len(texts.levels):
            features[:-1] = _weighted(_counts(texts.levels), self.weights[0]) @ self.components.T
        out[:, : len(self.components)] = features[texts.values]
        if self.indicator:
            out[:, -1] = texts.missing()

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "weights": matrix_text(self.weights),
            "components": matrix_text(self.components),
            "indicator": self.indicator,
        }

    @classmethod
    def from_dict(cls, fields: Fields) -> TextEncoder:
        """From plain data."""
        fields.expect_only("weights", "components", "indicator")
        weights = fields.matrix("weights", BUCKETS)
        if len(weights) != 1:
            raise InputError(f"{fields.place}: expected {BUCKETS} weights, got {weights.size}")
        return cls(weights, fields.matrix("components", BUCKETS), fields.truth("indicator"))


def _counts(levels: pa.Array) -> csr_matrix:
    """How often each group of letters is in each text, ``(texts, buckets)``."""
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
