"""Nests: tensors in tuples, lists and dicts, as forward returns and saves them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.arguments import ATOMIC_TYPES
from plaingrad.parameter import shape

Outline = tuple[torch.Size, torch.dtype] | list[Any] | None
"""The structure of outputs, to compare gradients with: (shape, dtype) for a tensor, a list for a tuple."""

LEAVES = {*ATOMIC_TYPES, torch.Size}  # have no tensors in them


def tensors(nest: Any) -> Iterator[Tensor]:
    """Every tensor in a nest, in order."""
    if isinstance(nest, Tensor):
        yield nest
    elif isinstance(nest, (tuple, list)):
        for entry in nest:
            yield from tensors(entry)
    elif isinstance(nest, dict):
        for entry in nest.values():
            yield from tensors(entry)


def mapped(function: Callable[[Tensor], Any], nest: Any) -> Any:
    """The nest with the function applied to each tensor; other entries are unchanged."""
    if isinstance(nest, Tensor):
        return function(nest)
    if type(nest) in (tuple, list):
        return type(nest)(mapped(function, entry) for entry in nest)
    if isinstance(nest, tuple) and hasattr(nest, "_make"):  # a named one
        return nest._make(mapped(function, entry) for entry in nest)
    if isinstance(nest, dict):
        copy = nest.copy()  # of an OrderedDict another one
        for name, entry in nest.items():
            copy[name] = mapped(function, entry)
        return copy
    return nest


def added(a: Any, b: Any) -> Any:
    """The sum of two nests of gradients, where None counts as zero."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, dict):
        return {key: added(a[key], b[key]) for key in a}
    if isinstance(a, tuple) and hasattr(a, "_make"):  # a named one
        return a._make(map(added, a, b))
    return type(a)(map(added, a, b)) if type(a) in (tuple, list) else a + b


def invalid_type(outputs: Any) -> str | None:
    """The type of the first output that is no tensor, None or tuple of these."""
    if isinstance(outputs, tuple):
        return next((name for each in outputs if (name := invalid_type(each))), None)
    return None if outputs is None or isinstance(outputs, Tensor) else type(outputs).__name__


def outline(outputs: Any) -> Any:
    """The `Outline` of a forward's outputs; entries that are neither tensor, tuple nor None are unchanged."""
    if isinstance(outputs, tuple):
        return [outline(entry) for entry in outputs]
    return (outputs.shape, outputs.dtype) if isinstance(outputs, Tensor) else outputs


def filled(expected: Outline, make: Callable[[], Any]) -> Any:
    """A nest of this outline, with a result of ``make`` in place of each tensor."""
    if type(expected) is tuple:
        return make()
    return tuple(filled(entry, make) for entry in expected) if type(expected) is list else expected


def completed(grads: tuple[Any, ...], expected: Outline) -> tuple[Any, ...]:
    """The gradients for outputs of this outline, missing ones filled in as None."""
    if type(expected) is not list:
        return grads or ((None,) if type(expected) is tuple else ())
    padded = (*grads, *[None] * (len(expected) - len(grads)))
    return tuple(
        completed(grad or (), entry)
        if type(entry) is list and (grad is None or isinstance(grad, tuple))
        else grad
        for grad, entry in zip(padded, [*expected, *[None] * (len(grads) - len(expected))])
    )


def mismatch(grads: tuple[Any, ...], expected: Outline) -> str | None:
    """The first problem of the gradients for outputs of this outline; None if there is none."""
    entries = expected if type(expected) is list else [expected]
    if len(grads) != len(entries) and (type(expected) is not list or len(grads) > len(entries)):
        return f"expected {len(entries)} output gradients, got {len(grads)}"
    return next((problem for pair in zip(grads, entries) if (problem := _misfit(*pair))), None)


def _misfit(grad: Any, expected: Outline) -> str | None:
    if grad is None:
        return None
    if type(expected) is list:
        if isinstance(grad, tuple):
            return mismatch(grad, expected)
        return f"expected {len(expected)} output gradients, got {brief(grad)}"
    if type(expected) is not tuple:
        return f"expected no gradient for an output that is none, got {brief(grad)}"
    if isinstance(grad, Tensor) and (grad.shape, grad.dtype) == expected:
        return None
    return f"expected output gradient {tuple(expected[0])} of {expected[1]}, got {brief(grad)}"


def versions(nest: Any) -> int:
    """The sum of the version counters of the tensors in a nest.

    Counters only grow, so the sum shows every change in place. Tensors of inference mode have none.
    """
    kind = type(nest)
    try:
        if kind is Tensor:
            return nest._version
        if kind is tuple:
            total = 0
            for entry in nest:
                total += entry._version if type(entry) is Tensor else versions(entry)
            return total
        if kind in LEAVES:
            return 0
        return sum([tensor._version for tensor in tensors(nest)])
    except RuntimeError:
        return 0


def brief(value: Any) -> str:
    """The shape and dtype of a tensor or the type of another value, for messages."""
    if isinstance(value, Tensor):
        return f"{shape(value)} of {value.dtype}"
    return "None" if value is None else f"a {type(value).__name__}"
