"""The order of classes: as named, as a data frame declares it, as numbers have it, or as is usual."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa

from plaingrad.errors import InputError
from plaingrad.tables.columns.column import text_of
from plaingrad.tables.errors import listed

Label = TypeVar("Label", bound=bool | int | float | str)

MOST_SHOWN = 20
SCALES = (
    ("none", "very low", "low", "medium", "high", "very high"),
    ("none", "very low", "low", "moderate", "high", "very high"),
    ("none", "mild", "moderate", "severe"),
    ("small", "medium", "large"),
    ("very bad", "bad", "average", "good", "very good"),
    ("poor", "fair", "good", "very good", "excellent"),
    ("strongly disagree", "disagree", "neutral", "agree", "strongly agree"),
    ("never", "rarely", "sometimes", "often", "always"),
)


def class_probabilities(above: np.ndarray) -> np.ndarray:
    """The probability of each class, shape ``(rows, classes)``.

    How probable it is that a class lies above another falls from one class to the next, as it should, once
    these probabilities are sorted, which brings them no further from the true ones.

    Args:
        above: the probability to lie above each class but the last, shape ``(rows, classes - 1)``; of two
            classes without an order, that of the second.

    Source: V. Chernozhukov et al., "Quantile and probability curves without crossing", 2010.
    """
    ends = np.ones((len(above), 1), above.dtype)
    return -np.diff(np.hstack([ends, -np.sort(-above, axis=1), 0 * ends]), axis=1)


def declared_order(series: pd.Series) -> list[str] | None:
    """The categories of a series that says itself that they are ordered; None if it does not."""
    kind = series.dtype
    if isinstance(kind, pd.CategoricalDtype) and kind.ordered:
        return [text_of(each) for each in kind.categories]
    if isinstance(kind, pd.ArrowDtype):
        array = kind.pyarrow_dtype
        if pa.types.is_dictionary(array) and array.ordered:
            chunks = pa.chunked_array(pa.array(series)).unify_dictionaries().chunks
            return [text_of(each) for each in chunks[0].dictionary.to_pylist()] if chunks else []
    return None


def in_order(labels: Sequence[Label], order: Sequence[str] | None, name: str) -> list[Label]:
    """Classes from the lowest to the highest.

    Args:
        labels: the classes, sorted.
        order: all classes as text in this order, and perhaps others; None: that of numbers, or a usual one
            of words such as low, medium, high.
        name: of the column.

    Raises:
        InputError: a class is missing in the order, or there is no order.
    """
    by_text = {text_of(label): label for label in labels}
    if order is None:
        if not isinstance(labels[0], str):
            return list(labels)
        order = _usual([text for text in by_text])
        if order is None:
            raise InputError(
                f"expected an order of the classes {listed(list(by_text), MOST_SHOWN)} of {name!r}, got none",
                hint=f"name it, lowest first, such as --order {','.join(list(by_text)[:MOST_SHOWN])}",
            )
    missing = [text for text in by_text if text not in order]
    if missing:
        raise InputError(
            f"expected all classes of {name!r}, got none of {listed(missing, MOST_SHOWN)}", argument="order"
        )
    return [by_text[text] for text in order if text in by_text]


def median_class(probabilities: np.ndarray) -> np.ndarray:
    """The class at which the probabilities ``(n, classes)`` of ordered classes sum up to a half."""
    return (np.cumsum(probabilities[:, :-1], axis=1) < 0.5).sum(1)


def _usual(texts: Sequence[str]) -> list[str] | None:
    """The texts in the order of a scale that has all of them; None if there is none."""
    by_key = {text.casefold().replace("_", " ").replace("-", " "): text for text in texts}
    for scale in SCALES:
        if len(by_key) == len(texts) and set(by_key) <= set(scale):
            return [by_key[key] for key in scale if key in by_key]
    return None
