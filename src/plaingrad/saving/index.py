"""Indices, and the arguments of a graph's nodes, as plain data."""

from __future__ import annotations

from typing import Any

from plaingrad.errors import InputError

MOST_ENTRIES = 1000
DEEPEST = 4  # of tuples in one another
LARGEST = 2**53


def to_data(nest: Any) -> Any:
    """An index or argument as data: strings are names, lists tuples, and objects what JSON does not have."""
    if isinstance(nest, (tuple, list)):
        return [to_data(entry) for entry in nest]
    if isinstance(nest, slice):
        return {"slice": [to_data(each) for each in (nest.start, nest.stop, nest.step)]}
    if nest is ...:
        return {"ellipsis": True}
    if isinstance(nest, float) and nest in (float("inf"), float("-inf")):
        return {"number": str(nest)}
    return nest


def from_data(data: Any, depth: int = 0) -> Any:
    """An index or argument from data.

    Raises:
        ValueError: it is none.
    """
    if isinstance(data, list) and len(data) <= MOST_ENTRIES and depth < DEEPEST:
        return tuple(from_data(entry, depth + 1) for entry in data)
    if isinstance(data, dict) and len(data) == 1:
        ((key, value),) = data.items()
        if key == "slice" and isinstance(value, list) and len(value) == 3:
            return slice(*(from_data(each, depth + 1) for each in value))
        if key == "ellipsis" and value is True:
            return ...
        if key == "number" and value in ("inf", "-inf"):
            return float(value)
    if data is None or isinstance(data, (str, bool)):
        return data
    if isinstance(data, (int, float)) and abs(data) <= LARGEST:
        return data
    raise InputError(f"expected a name, a number or a list of these, got {data!r:.60}")
