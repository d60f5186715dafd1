"""Constructor arguments, as a module keeps them and is printed by them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from plaingrad.contract.tree import Tree
from plaingrad.parameter import shape


class Looks:
    """What a constructor argument that is no plain value looks like."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text


PLAIN = (bool, int, float, complex, str, torch.dtype, torch.device, type(None))


def kept(value: Any) -> Any:
    """A constructor argument as it is kept: plain values and collections of them as they are."""
    if isinstance(value, PLAIN):
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


class Made(Tree):
    """A tree that remembers the constructor call that made it."""

    _arguments: tuple[list[Any], dict[str, Any]]

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name, defaults filled in; what is no plain value, as it looks.

        They are as they were given: fields that have been changed since are not looked at.
        """
        positional, keywords = self._arguments
        bound = inspect.signature(type(self).__init__).bind(self, *positional, **keywords)
        bound.apply_defaults()
        return dict(list(bound.arguments.items())[1:])

    def signature(self) -> str:
        """The constructor call that made this module, on one line and without what is inside it."""
        return f"{type(self).__name__}({', '.join([*map(repr, self._arguments[0]), *self._options()])})"

    def _options(self) -> list[str]:
        left = ("device", "dtype")
        return [f"{name}={value!r}" for name, value in self._arguments[1].items() if name not in left]

    def _shown(self) -> Iterator[tuple[str, Any]]:
        """What stands inside the printed module, by name."""
        return self.named_children()

    def __repr__(self) -> str:
        children = [f"({name}): {part!r}" for name, part in self._shown()]
        if not children:
            return self.signature()
        inside = "".join(f"\n{line}".replace("\n", "\n  ") for line in [*children, *self._options()])
        return f"{type(self).__name__}({inside}\n)"
