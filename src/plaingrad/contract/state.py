"""State dicts: values by name, copied into a tree of modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from plaingrad.errors import ModuleError
from plaingrad.parameter import Buffer, Parameter, shape

if TYPE_CHECKING:
    from plaingrad.contract.tree import Tree


class IncompatibleKeys(NamedTuple):
    """The names that a state dict and a module do not share.

    Attributes:
        missing_keys: those that the module alone has.
        unexpected_keys: those that the state dict alone has.
    """

    missing_keys: list[str]
    unexpected_keys: list[str]


def loaded(module: Tree, state: Mapping[str, Tensor], strict: bool) -> IncompatibleKeys:
    """Copy values into a module as `Tree.load_state_dict` describes."""
    own = dict(module._named_state())
    keys = IncompatibleKeys(
        [name for name in own if name not in state], [name for name in state if name not in own]
    )
    problems = []
    if strict:
        problems += [f"missing {name!r}" for name in keys.missing_keys]
        problems += [f"unexpected {name!r}" for name in keys.unexpected_keys]
    common = [name for name in own if name in state]
    for name in common:
        value, field = state[name], own[name]
        if not isinstance(value, Tensor):
            problems.append(f"{name!r}: expected {_size(field)}, got {type(value).__name__}")
        elif field.is_shaped and value.shape != field.value.shape:
            problems.append(f"{name!r}: expected {_size(field)}, got {shape(value)}")
        elif not field.is_shaped and not value.is_floating_point():
            problems.append(f"{name!r}: expected floating-point numbers, got {value.dtype}")
    if problems:
        raise ModuleError(module, "state does not fit: " + "; ".join(problems))
    for name in common:
        value, field = state[name].detach(), own[name]
        if not field.is_shaped:
            field.shape_as(value.clone())
        else:
            field.value.copy_(value)
    return keys


def _size(field: Parameter | Buffer) -> str:
    return f"shape {shape(field.value)}" if field.is_shaped else "a tensor"
