"""Nests: what forward may return and keep for its backward, tensors in tuples, lists and dicts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.arguments import PLAIN
from plaingrad.parameter import shape

Outline = tuple[torch.Size, torch.dtype] | list[Any] | None
"""What is kept of outputs, which their gradients must be like: a pair for a tensor, a list for a tuple."""

LEAVES = {*PLAIN, torch.Size}  # have no tensors in them


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
    if isinstance(nest, dict):
        copy = nest.copy()  # of an OrderedDict another one
        for name, entry in nest.items():
            copy[name] = mapped(function, entry)
        return copy
    return nest


def added(a: Any, b: Any) -> Any:
    """The sum of two nests of gradients, in which None stands for nothing."""
    if a is None or b is None:
        return b if a is None else a
    if isinstance(a, dict):
        return {key: added(a[key], b[key]) for key in a}
    return type(a)(map(added, a, b)) if type(a) in (tuple, list) else a + b


def stranger(outputs: Any) -> str | None:
    """The type of the first output that is no tensor, None or tuple of these."""
    if isinstance(outputs, tuple):
        return next((name for each in outputs if (name := stranger(each))), None)
    return None if outputs is None or isinstance(outputs, Tensor) else type(outputs).__name__


def outline(outputs: Any) -> Any:
    """The `Outline` of what forward returns; whatever is neither tensor, tuple nor None stays."""
    if isinstance(outputs, tuple):
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
        return grads or ((None,) if type(expected) is tuple else ())
    padded = (*grads, *[None] * (len(expected) - len(grads)))
    return tuple(
        completed(grad or (), entry)
        if type(entry) is list and (grad is None or type(grad) is tuple)
        else grad
        for grad, entry in zip(padded, [*expected, *[None] * (len(grads) - len(expected))])
    )


def mismatch(grads: tuple[Any, ...], expected: Outline) -> str | None:
    """What is wrong with the gradients for outputs of this outline, or None; a gradient of None never is."""
    entries = expected if type(expected) is list else [expected]
    if len(grads) != len(entries) and (type(expected) is not list or len(grads) > len(entries)):
        return f"expected {len(entries)} output gradients, got {len(grads)}"
    return next((problem for pair in zip(grads, entries) if (problem := _misfit(*pair))), None)


def _misfit(grad: Any, expected: Outline) -> str | None:
    if grad is None:
        return None
    if type(expected) is list:
        if type(grad) is tuple:
            return mismatch(grad, expected)
        return f"expected {len(expected)} output gradients, got {brief(grad)}"
    if type(expected) is not tuple:
        return f"expected no gradient for an output that is none, got {brief(grad)}"
    if isinstance(grad, Tensor) and (grad.shape, grad.dtype) == expected:
        return None
    return f"expected output gradient {tuple(expected[0])} of {expected[1]}, got {brief(grad)}"


def versions(nest: Any) -> int:
    """How often the tensors in a nest have been changed in place, all together.

    Each count can but grow, so that the sum tells any change. Tensors of inference mode do not count.
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
    """What a value is, for messages."""
    if isinstance(value, Tensor):
        return f"{shape(value)} of {value.dtype}"
    return "None" if value is None else f"a {type(value).__name__}"
