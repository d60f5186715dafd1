"""Nests of gradients, and their comparison."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.parameter import shape


def entries(nest: Any) -> list[tuple[Any, Any]]:
    """The entries of a collection with their indices or keys; empty for anything else."""
    if isinstance(nest, dict):
        return [(repr(key), entry) for key, entry in nest.items()]
    return list(enumerate(nest)) if isinstance(nest, (tuple, list)) else []


def flat(nest: Any) -> list[Any]:
    """Everything in a nest, None included, without its structure."""
    return [x for _, entry in entries(nest) for x in flat(entry)] if entries(nest) else [nest]


def has_structure_of(grad: Any, value: Any) -> bool:
    """True if a gradient is a collection of the same structure as its argument."""
    if isinstance(value, dict):
        return isinstance(grad, dict) and list(grad) == list(value)
    return isinstance(grad, list if isinstance(value, list) else tuple) and len(grad) == len(value)


def type_text(value: Any) -> str:
    return f"a tensor {shape(value)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def same(a: Any, b: Any) -> bool:
    """Equal bit by bit, NaN included."""
    return not isinstance(a, Tensor) or torch.equal(torch.nan_to_num(a), torch.nan_to_num(b))


def close(a: Any, b: Any) -> bool:
    """Equal to rounding."""
    if not isinstance(a, Tensor) or not isinstance(b, Tensor):
        return (a is None) == (b is None)
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    return torch.allclose(a, b, rtol=1e-9, atol=1e-11, equal_nan=True)


def count(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]
