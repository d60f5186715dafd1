"""Columns of words, in whose place a network gets codes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from sklearn.preprocessing import OrdinalEncoder

from plaingrad.estimators.codes import asked


@dataclass(frozen=True)
class Levels:
    """The levels of a data frame's categories.

    Attributes:
        columns: those of words, by name.
        encoder: from words to codes 0, 1, 2...; -1 for missing ones and those that training has not seen.
    """

    columns: Sequence[str]
    encoder: OrdinalEncoder

    @classmethod
    def of(cls, embedding: Collection[Any], X: Any) -> Levels:
        """Look for the levels that there are.

        Args:
            embedding: columns by index or name, of which those of numbers hold codes already.
            X: a data frame of any library; anything else has no columns of words.

        Raises:
            ValueError: there is no such column in a frame, or one is given twice.
        """
        made = encoder()
        frame = nw.from_native(X, eager_only=True, pass_through=True) if embedding else None
        if not isinstance(frame, nw.DataFrame):
            return cls([], made)
        names = frame.columns
        wanted = [names[index] for index in asked(embedding, len(names), names)]
        columns = [name for name in wanted if not _is_number(frame.schema[name])]
        if columns:
            made.fit(_words(frame, columns))
        return cls(columns, made)

    def apply(self, X: Any) -> Any:
        """The same data with codes in the place of words; what has not these columns is left as it is."""
        frame = nw.from_native(X, eager_only=True, pass_through=True) if self.columns else None
        if not isinstance(frame, nw.DataFrame) or not set(self.columns) <= set(frame.columns):
            return X
        codes = self.encoder.transform(_words(frame, self.columns))
        series = [
            nw.new_series(name, codes[:, i], backend=frame.implementation)
            for i, name in enumerate(self.columns)
        ]
        return frame.with_columns(*series).to_native()


@contextmanager
def naming_words(X: Any) -> Iterator[None]:
    """Name the column of a data frame whose words stand where numbers are expected.

    Raises:
        ValueError: scikit-learn has refused a word.
    """
    try:
        yield
    except ValueError as error:
        frame = nw.from_native(X, eager_only=True, pass_through=True)
        if "could not convert string to float" not in str(error) or not isinstance(frame, nw.DataFrame):
            raise
        for name in frame.columns:
            for value in frame[name].to_list() if not _is_number(frame.schema[name]) else ():
                if isinstance(value, str) and not _is_numeral(value):
                    told = f"column {name!r}: expected numbers, got {value!r:.60}"
                    raise ValueError(f"{told}; add it to embedding, or encode it") from None
        raise


def _is_numeral(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def encoder(categories: Any = "auto") -> OrdinalEncoder:
    """From words to codes: those of each column, or as they are found."""
    return OrdinalEncoder(
        categories=categories,
        handle_unknown="use_encoded_value",
        unknown_value=-1,
        encoded_missing_value=-1,
    )


def _is_number(kind: Any) -> bool:
    return kind.is_numeric() or kind == nw.Boolean


def _words(frame: nw.DataFrame[Any], columns: Sequence[str]) -> np.ndarray:
    """The words ``(n_samples, n_columns)``; NaN for missing ones, whatever a library calls them."""
    found = np.stack([frame[name].to_numpy().astype(object) for name in columns], 1)
    for i, name in enumerate(columns):
        found[frame[name].is_null().to_numpy(), i] = np.nan
    return found
