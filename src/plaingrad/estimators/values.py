"""Values of parameters, labels and levels as data that JSON can hold, and back.

What JSON lacks stands in an object of one field: ``{"float": "inf"}``, ``{"tuple": [...]}`` and
``{"items": [[key, value], ...]}``, which is a dict with keys of any kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np

from plaingrad.errors import InputError
from plaingrad.estimators.levels import Levels, encoder
from plaingrad.estimators.schema import Labels, NotFinite

DEEPEST = 4
NOT_FINITE = ("inf", "-inf", "nan")
NUMBERS = {np.dtype(kind).name for kind in "?bhilqBHILQefd"}
MOST_CHARACTERS = 10**8  # in an array of labels, each as wide as the widest


def to_json(value: Any) -> Any:
    """A value as JSON holds it; numpy's numbers and arrays as Python's numbers and lists.

    Raises:
        TypeError: it is an object of another type, or there is one in it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return str(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    if isinstance(value, tuple):
        return {"tuple": [to_json(each) for each in value]}
    if isinstance(value, Mapping):
        return {"items": [[to_json(key), to_json(each)] for key, each in value.items()]}
    if isinstance(value, list) or hasattr(value, "tolist"):  # arrays, series and indices
        return [to_json(each) for each in (value if isinstance(value, list) else value.tolist())]
    raise TypeError(f"expected numbers, strings and collections of them, got a {type(value).__name__}")


def from_json(data: Any, path: str, depth: int = 0) -> Any:
    """The value that `to_json` made this data of.

    Args:
        data: as read.
        path: its name in errors.
        depth: of the data in a value.

    Raises:
        ValueError: `to_json` makes no such data.
    """
    if depth > DEEPEST:
        raise InputError(f"{path}: expected at most {DEEPEST} levels, got more")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return [from_json(each, path, depth + 1) for each in data]
    kind, inside = next(iter(data.items())) if len(data) == 1 else ("", None)
    if kind == "float" and inside in NOT_FINITE:
        return float(inside)
    if kind == "tuple" and isinstance(inside, list):
        return tuple(from_json(inside, path, depth))
    if kind == "items" and isinstance(inside, list):
        pairs = from_json(inside, path, depth)
        if all(isinstance(pair, list) and len(pair) == 2 and _is_key(pair[0]) for pair in pairs):
            return dict(pairs)
    raise InputError(f"{path}: expected a number, a string or a collection of them, got {data!r:.60}")


def _is_key(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def number_from_json(data: float | NotFinite) -> float:
    """A number, which may be infinite or NaN as `to_json` writes them."""
    return float(data.float if isinstance(data, NotFinite) else data)


def labels_to_json(classes: np.ndarray) -> dict[str, Any]:
    """Labels as JSON holds them.

    Raises:
        ValueError: they are neither numbers, truth values nor strings.
    """
    kind = {"U": "str", "O": "object"}.get(classes.dtype.kind, classes.dtype.name)
    values = classes.tolist()
    if not (kind in NUMBERS or (kind in ("str", "object") and all(type(each) is str for each in values))):
        raise InputError(
            f"classes_: expected labels of numbers or strings, got {classes.dtype} {values!r:.60}"
        )
    return {"dtype": kind, "values": to_json(values)}


def labels_from_json(labels: Labels) -> np.ndarray:
    """The labels that `labels_to_json` made this data of, in order and without repetition.

    Raises:
        ValueError: it makes no such data.
    """
    kind, values = labels.dtype, labels.values
    types: tuple[type, ...] = (str,) if kind in ("str", "object") else (bool, int, float)
    if kind not in (*NUMBERS, "str", "object") or not values:
        raise InputError(f"facts: classes: expected labels of a dtype that is known, got {kind!r:.40}")
    if not all(type(each) in types for each in values):
        raise InputError(f"facts: classes: expected labels of {kind}, got {values!r:.60}")
    if kind == "str" and len(values) * max(map(len, values)) > MOST_CHARACTERS:
        raise InputError(f"facts: classes: expected labels of {MOST_CHARACTERS:,} characters at most")
    try:
        classes = np.array(values, None if kind == "str" else np.dtype(kind))
    except OverflowError:
        raise InputError(f"facts: classes: expected labels of {kind}, got {values!r:.60}") from None
    if classes.tolist() != values or not all(a < b for a, b in pairwise(values)):
        raise InputError(f"facts: classes: expected distinct labels of {kind} in order, got {values!r:.60}")
    return classes


def levels_to_json(levels: Levels) -> dict[str, Any]:
    """Levels of words as JSON holds them, by column.

    Raises:
        ValueError: a level is neither a number nor a string.
    """
    columns = {}
    for name, values in levels.by_column().items():
        try:
            columns[name] = to_json(values)
        except TypeError as error:
            raise InputError(f"embedding: column {name!r}: {error}") from None
    return columns


def levels_from_json(data: Mapping[str, list[Any]]) -> Levels:
    """The levels that `levels_to_json` made this data of.

    Raises:
        ValueError: it makes no such data.
    """
    columns = list(data)
    values = [from_json(data[name], "facts: levels", 1) for name in columns]
    for name, each in zip(columns, values):
        if not each or not _in_order(each):
            expected = f"expected distinct levels in order, got {each!r:.60} of {name!r:.40}"
            raise InputError(f"facts: levels: {expected}")
    levels = Levels(columns, encoder([np.array(each, dtype=object) for each in values]))
    if columns:
        levels.encoder.fit(np.array([[each[0] for each in values]], dtype=object))
    return levels


def _in_order(values: list[Any]) -> bool:
    """True for numbers, or strings, from small to large, perhaps with a missing one at the end."""
    present = values[:-1] if is_missing(values[-1]) else values
    kinds = {str if isinstance(each, str) else type(each) for each in present}
    if kinds & {list, tuple, dict, type(None)} or (str in kinds and len(kinds) > 1):
        return False
    return not any(map(is_missing, present)) and all(a < b for a, b in pairwise(present))


def is_missing(value: Any) -> bool:
    """True for a level that stands for missing values."""
    return bool(value != value)
