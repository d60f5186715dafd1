"""Samples in one tensor, or in several that share the first axis: a tuple, or a dict by names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.nest import mapped, tensors
from plaingrad.data import sparse
from plaingrad.errors import InputError


def is_several(values: Any) -> bool:
    """True for a dict, and for a tuple with an array in it; a tuple of numbers or rows is one array."""
    return isinstance(values, dict) or (isinstance(values, tuple) and any(map(is_array, values)))


def is_array(values: Any) -> bool:
    """True for a tensor, an array or a table with at least one axis."""
    return len(getattr(values, "shape", ())) > 0


def named_tensors(name: str, samples: Any) -> Iterator[tuple[str, Tensor]]:
    """Each tensor of the samples with its name, as in ``inputs``, ``inputs[0]`` or ``inputs['text']``."""
    if isinstance(samples, Tensor):
        yield name, samples
    elif not isinstance(samples, (dict, tuple)):
        got = type(samples).__name__
        raise InputError(f"{name}: expected a tensor, got {got}; Dataset.of((x, y)) takes arrays and tables")
    else:
        entries = samples.items() if isinstance(samples, dict) else enumerate(samples)
        for key, entry in entries:
            yield from named_tensors(f"{name}[{key!r}]", entry)


def first_of(samples: Any) -> Tensor:
    """The first tensor of the samples."""
    return next(tensors(samples))


def rows(samples: Any) -> int:
    """The number of samples."""
    return len(first_of(samples))


def take(samples: Any, indices: Tensor | slice) -> Any:
    """The samples with these indices."""
    return mapped(lambda each: sparse.take(each, indices), samples)


def batches(samples: Any, size: int) -> Sequence[Any]:
    """The samples in their order, so many at once; the last batch is smaller if it must be."""
    if isinstance(samples, Tensor):
        return sparse.batches(samples, size)
    return [take(samples, slice(i, i + size)) for i in range(0, rows(samples), size)]


def joined(parts: Sequence[Any]) -> Any:
    """Batches of samples, one after the other."""
    first = parts[0]
    if isinstance(first, Tensor):
        return torch.cat(list(parts))
    return tuple(joined(entries) for entries in zip(*parts))
