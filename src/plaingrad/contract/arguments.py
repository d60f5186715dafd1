"""Constructor arguments, as a module records and prints them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.tree import Tree
from plaingrad.parameter import shape


class Looks:
    """The printed form of a constructor argument that is not recorded itself, such as a tensor."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


ATOMIC_TYPES = (bool, int, float, complex, str, torch.dtype, torch.device, type(None))


def kept(value: Any) -> Any:
    """A constructor argument as it is recorded: simple values and collections of them unchanged."""
    if isinstance(value, ATOMIC_TYPES):
        return value
    if isinstance(value, torch.Size):
        return tuple(value)
    if type(value) in (tuple, list):
        return type(value)(map(kept, value))
    if type(value) is dict:
        return {key: kept(entry) for key, entry in value.items()}
    if isinstance(value, Tensor):
        return Looks(f"tensor{shape(value)}")
    return Looks(f"{type(value).__name__}(...)" if isinstance(value, Tree) else repr(value))


class Constructed(Tree):
    """A tree that records its constructor call."""

    _arguments: tuple[list[Any], dict[str, Any]]

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, defaults filled in; tensors and objects in their printed form.

        They are as they were passed: later changes of fields do not show.
        """
        positional, keywords = self._arguments
        bound = inspect.signature(type(self).__init__).bind(self, *positional, **keywords)
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[1:])

    def signature(self) -> str:
        """The constructor call of this module, on one line, without its children."""
        return f"{type(self).__name__}({', '.join([*map(repr, self._arguments[0]), *self._options()])})"

    def _options(self) -> list[str]:
        left = ("device", "dtype")
        return [f"{name}={value!r}" for name, value in self._arguments[1].items() if name not in left]

    def _shown(self) -> Iterator[tuple[str, Any]]:
        """The children that are printed inside this module, by name."""
        return self.named_children()

    def __repr__(self) -> str:
        children = [f"({name}): {part!r}" for name, part in self._shown()]
        if not children:
            return self.signature()
        inside = "".join(f"\n{line}".replace("\n", "\n  ") for line in [*children, *self._options()])
        return f"{type(self).__name__}({inside}\n)"
