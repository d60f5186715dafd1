"""Detection of fields that look trainable but would not be trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set, ValuesView
from dataclasses import is_dataclass
from types import SimpleNamespace
from typing import Any

from torch import Tensor

from plaingrad.contract.arguments import ATOMIC_TYPES
from plaingrad.contract.tree import Tree
from plaingrad.errors import ModuleError
from plaingrad.parameter import Buffer, Parameter

ATOMIC = frozenset(ATOMIC_TYPES)
NOTES = {*ATOMIC_TYPES, Tensor, tuple, list, dict}
"""Types whose values may replace a field's value without a new examination, as in every forward."""


def expect_reachable(root: Tree) -> list[Tree]:
    """Refuse a tree that holds something trainable where training would not reach it.

    That is a module or parameter in a collection, dataclass or namespace that is held by no field and no
    container; a parameter or module of PyTorch; a tensor for which PyTorch records gradients; or a module
    that holds one of its enclosing modules.

    Returns:
        Every module of the tree once.

    Raises:
        ModuleError: there is one; the message names the field and its replacement.
    """
    reached: set[int] = set()
    walked = list(_walk(root, "", (), reached))
    for path, module in walked:
        for name, field in module.held().items():
            if type(field) in ATOMIC or isinstance(field, (Tree, Parameter)):  # most of them
                continue
            for value in _within(field):
                problem = _problem(value, value is field, reached)
                if problem:
                    error = ModuleError(module, f"field {name!r} holds {problem}")
                    if path:
                        error.inside(root, path)
                    raise error
    return [module for _, module in walked]


def contains(root: Tree, module: Tree) -> bool:
    """True if the module is one of the tree's."""
    return any(each is module for _, each in _walk(root, "", (), set()))


def expect_fields(kind: type) -> None:
    """Refuse a class that has slots or whose modules or parameters are class attributes.

    Raises:
        TypeError: it has slots, or holds a module, parameter or buffer itself, on its own or in a
            collection, or something to be trained that is PyTorch's.
    """
    if vars(kind).get("__slots__"):
        raise TypeError(f"{kind.__name__}: expected fields in __dict__, where they are found, got __slots__")
    for name, value in vars(kind).items():
        for each in _within(value):
            if isinstance(each, (Tree, Parameter, Buffer)):
                expected = f"a {type(each).__name__} assigned in __init__"
                raise TypeError(f"{kind.__name__}: expected {expected}, got {name!r} shared by all instances")
            if problem := _foreign(each):
                raise TypeError(f"{kind.__name__}: class attribute {name!r} holds {problem}")


def _walk(module: Tree, path: str, above: tuple[Tree, ...], reached: set[int]) -> Iterator[tuple[str, Tree]]:
    """Every module once, with its path; records it and its fields in ``reached``."""
    if id(module) in reached:
        return
    reached.add(id(module))
    reached.update(id(field) for _, field in module.named_fields())
    yield path, module
    for name, child in module.named_children():
        if any(child is each for each in (module, *above)):
            raise ModuleError(module, f"field {name!r} holds a module around it, which then has no end")
        yield from _walk(child, f"{path}.{name}" if path else name, (*above, module), reached)


def _within(field: Any, around: tuple[int, ...] = ()) -> Iterator[Any]:
    """The field itself, or the entries of a collection, dataclass or namespace, at any depth."""
    entries = _entries(field)
    if entries is None:
        yield field
    elif id(field) not in around:  # a collection may hold itself
        for value in entries:
            yield from _within(value, (*around, id(field)))


def _entries(field: Any) -> list[Any] | None:
    """The entries of a collection, dataclass or namespace; None for any other value."""
    if type(field) in ATOMIC or isinstance(field, (Tree, Parameter, Buffer, Tensor, str, bytes, range)):
        return None  # most of them
    if isinstance(field, Mapping):
        return [*field.keys(), *field.values()]
    if isinstance(field, (Sequence, Set, ValuesView)):  # also a deque; a tensor is none
        return list(field)
    if isinstance(field, SimpleNamespace) or (is_dataclass(type(field)) and hasattr(field, "__dict__")):
        return list(vars(field).values())
    return None


def _problem(value: Any, is_field: bool, reached: set[int]) -> str | None:
    if isinstance(value, (Tree, Parameter, Buffer)) and not (is_field or id(value) in reached):
        instead = "a field for each" if isinstance(value, Buffer) else "nn.ParameterList or ParameterDict"
        instead = "nn.ModuleList or ModuleDict" if isinstance(value, Tree) else instead
        kind = type(value).__name__
        return f"a {kind} in a plain collection, where it would not be trained or saved; use {instead}"
    if isinstance(value, (Tree, Parameter)):
        return None
    return _foreign(value.value if isinstance(value, Buffer) else value)


def _foreign(value: Any) -> str | None:
    """A description of a value that only PyTorch would train, with its replacement; None for any other."""
    if type(value) in ATOMIC:
        return None
    bases = {(base.__module__, base.__name__) for base in type(value).__mro__}
    if ("torch.nn.modules.module", "Module") in bases:
        name = type(value).__name__
        return f"a {name} of torch.nn, whose gradients PyTorch alone knows; use plaingrad.interop.from_torch"
    if ("torch.nn.parameter", "Parameter") in bases:
        return "a parameter of torch.nn, which nothing here would train; use plaingrad.Parameter"
    if isinstance(value, Tensor) and value.requires_grad:
        return "a tensor that requires grad, which nothing here would train; use plaingrad.Parameter"
    return None
