"""The functions that explain, by the class of the module."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from plaingrad.inspect.explain.explanation import Section
from plaingrad.inspect.explain.selection import Selection
from plaingrad.module import Module

Explainer = Callable[[Selection], Iterator[Section]]

EXPLAINERS: dict[type[Module], Explainer] = {}


def explains(*kinds: type[Module]) -> Callable[[Explainer], Explainer]:
    """Register a function for these classes and those that extend them without a forward of their own."""

    def register(function: Explainer) -> Explainer:
        EXPLAINERS.update(dict.fromkeys(kinds, function))
        return function

    return register


def explainer(kind: type[Module]) -> Explainer | None:
    """The function for a class; None if there is none.

    That of a base class does only where the class computes what the base does.
    """
    for base in kind.__mro__:
        if base in EXPLAINERS:
            same = all(getattr(kind, name) is getattr(base, name) for name in ("forward", "backward"))
            return EXPLAINERS[base] if same else None
    return None
