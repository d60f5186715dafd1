"""Columns of words, which become codes for a network."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals as nw
import numpy as np
from sklearn.preprocessing import OrdinalEncoder

from plaingrad.errors import InputError
from plaingrad.estimators.codes import embedded_columns


@dataclass(frozen=True)
class Levels:
    """The levels of a data frame's columns of words.

    Attributes:
        columns: their names.
        encoder: from words to codes 0, 1, 2...; -1 for missing ones and those that training has not seen.
    """

    columns: Sequence[str]
    encoder: OrdinalEncoder

    @classmethod
    def of(cls, embedding: Collection[Any], X: Any) -> Levels:
        """The levels of some columns, those of numbers left out.

        Args:
            embedding: columns by index or name.
            X: a data frame of any library; anything else has no columns of words.

        Raises:
            ValueError: there is no such column in a frame, or one is given twice.
        """
        words = encoder()
        frame = nw.from_native(X, eager_only=True, pass_through=True) if embedding else None
        if not isinstance(frame, nw.DataFrame):
            return cls([], words)
        names = frame.columns
        embedded = [names[index] for index in embedded_columns(embedding, len(names), names)]
        columns = [name for name in embedded if not _is_number(frame.schema[name])]
        if columns:
            words.fit(_words(frame, columns))
        return cls(columns, words)

    def apply(self, X: Any) -> Any:
        """The same data with codes instead of words; data without these columns are left as they are."""
        frame = nw.from_native(X, eager_only=True, pass_through=True) if self.columns else None
        if not isinstance(frame, nw.DataFrame) or not set(self.columns) <= set(frame.columns):
            return X
        codes = self.encoder.transform(_words(frame, self.columns))
        series = [
            nw.new_series(name, codes[:, i], backend=frame.implementation)
            for i, name in enumerate(self.columns)
        ]
        return frame.with_columns(*series).to_native()

    def by_column(self) -> dict[str, np.ndarray]:
        """The levels of each column, in order, NaN for missing ones at the end."""
        return dict(zip(self.columns, self.encoder.categories_)) if self.columns else {}


def expect_numbers(X: Any, names: Sequence[str] | None) -> None:
    """Refuse words in a data frame where numbers are expected.

    Args:
        X: the data, whose levels have become codes.
        names: of the columns that are expected, others being refused elsewhere; None for any.

    Raises:
        ValueError: there is one; the message has it and its column.
    """
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame) or (names is not None and frame.columns != list(names)):
        return
    for name in frame.columns:
        for value in frame[name].to_list() if not _is_number(frame.schema[name]) else ():
            if isinstance(value, str) and not _is_numeral(value):
                problem = f"column {name!r}: expected numbers, got {value!r:.60}"
                raise InputError(f"{problem}; add it to embedding, or encode it") from None


def _is_numeral(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def encoder(categories: Any = "auto") -> OrdinalEncoder:
    """An encoder of words as codes, of these categories for each column or of those that there are."""
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
    words = np.stack([frame[name].to_numpy().astype(object) for name in columns], 1)
    for i, name in enumerate(columns):
        words[frame[name].is_null().to_numpy(), i] = np.nan
    return words
