"""States as data that JSON can hold beside tensors, and back.

A state is a nest of numbers, strings, None, tensors, arrays, lists, tuples, sets and dicts. What JSON lacks
stands in an object of one field: ``{"float": "inf"}``, ``{"tuple": [...]}``, ``{"set": [...]}``, for a dict
``{"items": [[key, value], ...]}``, and for what lies beside it ``{"tensor": name}`` or ``{"array": name}``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.errors import InputError

NOT_FINITE = ("inf", "-inf", "nan")


def is_data(value: Any) -> bool:
    """True for a state that `packed` takes."""
    if isinstance(value, dict):
        return all(is_data(key) and is_data(entry) for key, entry in value.items())
    if type(value) in (list, tuple, set):
        return all(map(is_data, value))
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biuf"
    return value is None or isinstance(value, (bool, int, float, str, Tensor, np.generic))


def packed(value: Any, tensors: dict[str, Tensor], path: str = "") -> Any:
    """A state as JSON holds it.

    Args:
        value: the state.
        tensors: gets its tensors and arrays by name.
        path: where it stands in the whole state, for names and errors.

    Raises:
        InputError: it has an object of another type in it.
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(value)}
    name = f"{len(tensors)}{path}"  # distinct, whatever the keys are
    if isinstance(value, Tensor):
        tensors[name] = value
        return {"tensor": name}
    if isinstance(value, np.ndarray) and is_data(value):
        tensors[name] = torch.from_numpy(value.copy())
        return {"array": name}
    if type(value) in (list, tuple):
        entries = [packed(entry, tensors, f"{path}/{i}") for i, entry in enumerate(value)]
        return entries if type(value) is list else {"tuple": entries}
    if type(value) is set:
        return {"set": packed(list(value), tensors, path)}
    if isinstance(value, dict):
        pairs = enumerate(value.items())
        return {
            "items": [
                [packed(key, tensors, f"{path}/key {i}"), packed(entry, tensors, f"{path}/{key}")]
                for i, (key, entry) in pairs
            ]
        }
    expected = "numbers, strings, tensors and collections of them"
    raise InputError(f"{path.strip('/')}: expected {expected}, got a {type(value).__name__}")


def unpacked(data: Any, tensors: dict[str, Tensor]) -> Any:
    """The state that `packed` had.

    Raises:
        InputError: `packed` makes no such data.
    """
    if isinstance(data, list):
        return [unpacked(entry, tensors) for entry in data]
    if not isinstance(data, dict):
        return data
    match data:
        case {"float": str(text)} if text in NOT_FINITE:
            return float(text)
        case {"tuple": list(entries)}:
            return tuple(unpacked(entry, tensors) for entry in entries)
        case {"set": list(entries)}:
            return set(unpacked(entries, tensors))
        case {"tensor": str(name)} if name in tensors:
            return tensors[name]
        case {"array": str(name)} if name in tensors:
            return tensors[name].numpy()
        case {"items": list(pairs)} if all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
            return {unpacked(key, tensors): unpacked(entry, tensors) for key, entry in pairs}
    raise InputError(f"expected a state, got {data!r:.60}")
