"""Values of parameters, labels and levels as data that JSON can hold, and back.

What JSON has not stands in an object of one field: ``{"float": "inf"}``, ``{"tuple": [...]}`` and
``{"items": [[key, value], ...]}``, which is a dict with keys of any kind.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

DEEPEST = 4
NOT_FINITE = ("inf", "-inf", "nan")


def plain(value: Any) -> Any:
    """The value as plain data; of numpy's numbers and arrays, Python's numbers and lists.

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
        return {"tuple": [plain(each) for each in value]}
    if isinstance(value, Mapping):
        return {"items": [[plain(key), plain(each)] for key, each in value.items()]}
    if isinstance(value, list) or hasattr(value, "tolist"):  # arrays, series and indices
        return [plain(each) for each in (value if isinstance(value, list) else value.tolist())]
    raise TypeError(f"expected numbers, strings and collections of them, got a {type(value).__name__}")


def restored(data: Any, place: str, depth: int = 0) -> Any:
    """The value that `plain` made this data of.

    Args:
        data: what was read.
        place: what to call it in errors.
        depth: how deep it lies in a value.

    Raises:
        ValueError: it is nothing that `plain` makes.
    """
    if depth > DEEPEST:
        raise ValueError(f"{place}: expected at most {DEEPEST} levels, got more")
    if data is None or isinstance(data, bool | int | float | str):
        return data
    if isinstance(data, list):
        return [restored(each, place, depth + 1) for each in data]
    kind, inside = next(iter(data.items())) if len(data) == 1 else ("", None)
    if kind == "float" and inside in NOT_FINITE:
        return float(inside)
    if kind == "tuple" and isinstance(inside, list):
        return tuple(restored(inside, place, depth))
    if kind == "items" and isinstance(inside, list):
        pairs = restored(inside, place, depth)
        if all(isinstance(pair, list) and len(pair) == 2 and _is_key(pair[0]) for pair in pairs):
            return dict(pairs)
    raise ValueError(f"{place}: expected a number, a string or a collection of them, got {data!r:.60}")


def _is_key(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)
