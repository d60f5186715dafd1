"""Nests: what forward may return and keep for its backward, tensors in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.parameter import shape


Outline = tuple[torch.Size, torch.dtype] | list[Any] | None
"""What is kept of outputs, which their gradients must be like: a pair for a tensor, a list for a tuple."""


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
    """The nest with the function's result in place of each tensor; whatever else is in it stays."""
    if isinstance(nest, Tensor):
        return function(nest)
    if type(nest) in (tuple, list):
        return type(nest)(mapped(function, entry) for entry in nest)
    if isinstance(nest, tuple) and hasattr(nest, "_make"):  # a named one
        return nest._make(mapped(function, entry) for entry in nest)
    if type(nest) is dict:
        return {name: mapped(function, entry) for name, entry in nest.items()}
    return nest


def added(a: Any, b: Any) -> Any:
    """The sum of two nests of gradients, in which None stands for nothing."""
    if a is None or b is None:
        return b if a is None else a
    return tuple(map(added, a, b)) if isinstance(a, tuple) else a + b


def outline(outputs: Any) -> Any:
    """The `Outline` of what forward returns; whatever is neither tensor, tuple nor None stays."""
    if type(outputs) is tuple:
        return [outline(entry) for entry in outputs]
    return (outputs.shape, outputs.dtype) if isinstance(outputs, Tensor) else outputs


def filled(expected: Outline, make: Callable[[], Any]) -> Any:
    """The nest of this outline, with what ``make`` gives in place of each tensor."""
    if type(expected) is tuple:
        return make()
    return tuple(filled(entry, make) for entry in expected) if type(expected) is list else expected


def completed(grads: tuple[Any, ...], expected: Outline) -> tuple[Any, ...]:
    """Gradients for outputs of this outline, with None for each that is missing."""
    if type(expected) is not list:
        return grads
    padded = (*grads, *[None] * (len(expected) - len(grads)))
    return tuple(
        completed(grad or (), entry) if type(entry) is list and (grad is None or type(grad) is tuple) else grad
        for grad, entry in zip(padded, [*expected, *[None] * (len(grads) - len(expected))])
    )


def mismatch(grads: tuple[Any, ...], expected: Outline) -> str | None:
    """What is wrong with the gradients for outputs of this outline, or None; a gradient of None never is."""
    entries = expected if type(expected) is list else [expected]
    if len(grads) != len(entries) and (type(expected) is not list or len(grads) > len(entries)):
        return f"expected {len(entries)} output gradients, got {len(grads)}"
    for grad, entry in zip(grads, entries):
        if grad is None:
            continue
        if type(entry) is tuple:
            if not isinstance(grad, Tensor) or grad.shape != entry[0] or grad.dtype != entry[1]:
                return f"expected output gradient {tuple(entry[0])} of {entry[1]}, got {_brief(grad)}"
        elif type(entry) is not list:
            return f"expected no gradient for an output that is none, got {_brief(grad)}"
        elif type(grad) is not tuple:
            return f"expected {len(entry)} output gradients, got {_brief(grad)}"
        elif problem := mismatch(grad, entry):
            return problem
    return None


def versions(nest: Any) -> Any:
    """How often each tensor in a nest has been changed in place; None if they do not count (inference mode)."""
    kind = type(nest)
    try:
        if kind is Tensor:  # before isinstance, which takes longer to say no
            return nest._version
        if kind is tuple or kind is list:
            return [versions(entry) for entry in nest]
        if nest is None or not isinstance(nest, (Tensor, tuple, dict)):
            return None
        return [tensor._version for tensor in tensors(nest)]
    except RuntimeError:
        return None


def _brief(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"{shape(value)} of {value.dtype}"
    return f"a {type(value).__name__}"
