"""What a classifier and its categories need besides numbers, as plain data: labels, and levels of words."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.preprocessing import LabelBinarizer

from plaingrad.estimators.levels import Levels, encoder
from plaingrad.estimators.plain import plain, restored
from plaingrad.saving.state import Fields

NUMBERS = {np.dtype(kind).name for kind in "?bhilqBHILQefd"}
MOST_CHARACTERS = 10**8  # in an array of labels, each as wide as the widest


def labels_to(classes: np.ndarray) -> dict[str, Any]:
    """Labels as plain data.

    Raises:
        ValueError: they are neither numbers, truth values nor strings.
    """
    kind = {"U": "str", "O": "object"}.get(classes.dtype.kind, classes.dtype.name)
    values = classes.tolist()
    if not (kind in NUMBERS or (kind in ("str", "object") and all(type(each) is str for each in values))):
        raise ValueError(
            f"classes_: expected labels of numbers or strings, got {classes.dtype} {values!r:.60}"
        )
    return {"dtype": kind, "values": plain(values)}


def labels_from(fields: Fields) -> np.ndarray:
    """Labels from plain data, in order and without repetition.

    Raises:
        ValueError: they are none.
    """
    fields.expect_only("dtype", "values")
    kind, values = fields.text("dtype"), fields.items("values")
    wanted: tuple[type, ...] = (str,) if kind in ("str", "object") else (bool, int, float)
    if kind not in (*NUMBERS, "str", "object") or not values:
        raise ValueError(f"{fields.place}: expected labels of a dtype that is known, got {kind!r:.40}")
    if not all(type(each) in wanted for each in values):
        raise ValueError(f"{fields.place}: expected labels of {kind}, got {values!r:.60}")
    if kind == "str" and len(values) * max(map(len, values)) > MOST_CHARACTERS:
        raise ValueError(f"{fields.place}: expected labels of {MOST_CHARACTERS:,} characters at most")
    dtype = None if kind == "str" else np.dtype(kind)
    try:
        found = np.array(values, dtype)
    except OverflowError:
        raise ValueError(f"{fields.place}: expected labels of {kind}, got {values!r:.60}") from None
    if found.tolist() != values or not all(a < b for a, b in pairwise(values)):
        raise ValueError(f"{fields.place}: expected distinct labels of {kind} in order, got {values!r:.60}")
    return found


def binarizer(classes: np.ndarray, columns: int) -> LabelBinarizer:
    """A `LabelBinarizer` that has seen these labels, in so many columns; 0 stands for one label each."""
    return LabelBinarizer().fit(np.array([[0] * columns, [1] * columns]) if columns else classes)


def levels_to(levels: Levels) -> dict[str, Any]:
    """Levels of words as plain data, by column.

    Raises:
        ValueError: a level is neither a number nor a string.
    """
    if not levels.columns:
        return {}
    found = {}
    for name, values in zip(levels.columns, levels.encoder.categories_):
        try:
            found[name] = plain(values)
        except TypeError as error:
            raise ValueError(f"embedding: column {name!r}: {error}") from None
    return found


def levels_from(fields: Fields) -> Levels:
    """Levels of words from plain data.

    Raises:
        ValueError: they are none, or not in the order that training has given them.
    """
    columns = list(fields.data)
    values = [restored(fields.items(name), fields.place, 1) for name in columns]
    for name, each in zip(columns, values):
        if not each or not _in_order(each):
            told = f"expected distinct levels in order, got {each!r:.60} of {name!r:.40}"
            raise ValueError(f"{fields.place}: {told}")
    levels = Levels(columns, encoder([np.array(each, dtype=object) for each in values]))
    if columns:
        levels.encoder.fit(np.array([[each[0] for each in values]], dtype=object))
    return levels


def _in_order(values: list[Any]) -> bool:
    """Whether these are numbers, or strings, from small to large; perhaps with a missing one at the end."""
    present = values[:-1] if missing(values[-1]) else values
    kinds = {str if isinstance(each, str) else type(each) for each in present}
    if kinds & {list, tuple, dict, type(None)} or (str in kinds and len(kinds) > 1):
        return False
    return not any(map(missing, present)) and all(a < b for a, b in pairwise(present))


def known(levels: Levels) -> dict[str, int]:
    """How many levels each column of words has, without that of missing ones."""
    found = zip(levels.columns, levels.encoder.categories_) if levels.columns else ()
    return {name: sum(not missing(each) for each in values) for name, values in found}


def missing(value: Any) -> bool:
    """Whether it stands for a missing value."""
    return bool(value != value)
