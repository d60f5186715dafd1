"""Columns of codes, for which a network learns tables of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import torch
from scipy.sparse import issparse

from plaingrad import nn
from plaingrad.errors import InputError

MOST_CODES = 1_000_000  # in a column; more are no codes but measurements


@dataclass(frozen=True)
class Codes:
    """The columns that hold codes, and the sizes of their tables.

    In the network, 0 stands for a code that training has not seen, and k + 1 for the code k.

    Attributes:
        tables: rows of each such column's table, and numbers in each of them.
    """

    tables: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, embedding: Any, X: np.ndarray, names: Sequence[str] | None) -> Codes:
        """The codes of some columns.

        Args:
            embedding: columns by index or name; or a mapping from these to the size of their vectors.
            X: the data, ``(n_samples, n_features)``.
            names: of the columns, if they have.

        Raises:
            ValueError: there is no such column, one is given twice, or it holds something else than codes.
        """
        tables: dict[int, tuple[int, int]] = {}
        for index, (column, size) in embedded_columns(embedding, X.shape[1], names).items():
            last = last_code(column, X[:, index])
            if size is not None and not (isinstance(size, Integral) and int(size) > 0):
                raise InputError(f"embedding: expected positive sizes, got {size!r} for column {column!r}")
            tables[index] = (last + 2, int(size) if size is not None else usual_size(last + 1))
        return cls(dict(sorted(tables.items())))

    def apply(self, X: Any) -> Any:
        """The data with codes as the network looks them up."""
        if not self.tables:
            return X
        array = X.toarray() if issparse(X) else np.array(X)
        for column, (rows, _) in self.tables.items():
            codes = array[:, column]
            known = (codes >= 0) & (codes < rows - 1) & (codes == np.floor(codes))
            array[:, column] = np.where(known, codes + 1, 0)
        return array

    def module(
        self, features: int, random_state: np.random.RandomState, dtype: torch.dtype
    ) -> nn.ColumnEmbedding:
        """The first layer of a network over so many columns, its vectors drawn from N(0, 1).

        Those of unknown codes are 0, the mean of all others, and stay so where training meets none.
        """
        embedding = nn.ColumnEmbedding(features, self.tables, dtype=dtype)
        for parameter in embedding.parameters():
            vectors = random_state.normal(size=tuple(parameter.value.shape))
            vectors[0] = 0.0
            parameter.value = torch.from_numpy(vectors).to(dtype)
        return embedding


NO_CODES = Codes({})


def embedded_columns(embedding: Any, count: int, names: Sequence[str] | None) -> dict[int, tuple[Any, Any]]:
    """The columns of ``embedding`` by their index: as named there, and the size of their vectors or None.

    Args:
        embedding: columns by index or name; or a mapping from these to the size of their vectors.
        count: of all columns.
        names: of the columns, if they have.

    Raises:
        ValueError: there is no such column, or one is given twice.
    """
    pairs = embedding.items() if isinstance(embedding, Mapping) else ((each, None) for each in embedding)
    columns: dict[int, tuple[Any, Any]] = {}
    for column, size in pairs:
        index = column_index(column, count, names)
        if index in columns:
            name = column if names is None else names[index]
            raise InputError(f"embedding: expected each column once, got {name!r} more often")
        columns[index] = column, size
    return columns


def column_index(column: Any, count: int, names: Sequence[str] | None) -> int:
    """The index of a column by its index or name."""
    if isinstance(column, Integral) and 0 <= int(column) < count:
        return int(column)
    if isinstance(column, str) and names is not None and column in list(names):
        return list(names).index(column)
    known = f"an index below {count}" + (f" or one of {', '.join(names)}" if names is not None else "")
    raise InputError(f"embedding: expected {known}, got {column!r}")


def last_code(column: Any, values: np.ndarray) -> int:
    """The largest of a column's codes; negative numbers stand for what is unknown."""
    wrong = values[(values != np.floor(values)) | (values >= MOST_CODES)]
    if len(wrong):
        expected = f"codes 0, 1, 2... below {MOST_CODES:,} in column {column!r}"
        raise InputError(f"embedding: expected {expected}, got {wrong[0]:g}")
    return max(0, int(values.max()))


def usual_size(codes: int) -> int:
    """The size of the vectors for so many codes, by a rule of thumb.

    Source: J. Howard, S. Gugger, "fastai: a layered API for deep learning", 2020.
    """
    return min(600, round(1.6 * codes**0.56))
