"""Packages whose names are looked up when they are first used, so that nobody waits for the others."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Mapping
from typing import Any


def exports(
    package: str, homes: Mapping[str, str], moved: Mapping[str, str] | None = None
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``.

    Args:
        package: its name.
        homes: the module that defines each public name; a module that is a public name itself is its own.
        moved: where names are now that stood here once. They are still found, with a `DeprecationWarning`.
    """

    def find(name: str) -> Any:
        if name in homes:
            module = importlib.import_module(homes[name])
            return module if homes[name] == f"{package}.{name}" else getattr(module, name)
        if moved and name in moved:
            text = f"{package}.{name} is {moved[name]}.{name} now; the old name is refused from 0.4 on"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            return getattr(importlib.import_module(moved[name]), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find, lambda: sorted(homes)
