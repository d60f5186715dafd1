"""Packages whose names are looked up when they are first used, so that nobody waits for the others."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from plaingrad.extras import needed_by

NOTHING: Mapping[str, str] = MappingProxyType({})


def exports(
    package: str,
    homes: Mapping[str, str],
    moved: Mapping[str, str] = NOTHING,
    absent: Mapping[str, str] = NOTHING,
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """A package's ``__getattr__`` and ``__dir__``.

    Args:
        package: its name.
        homes: the module that defines each public name; a module that is a public name itself is its own.
        moved: the package in which a name is now that was in this one once. It is still found, with a
            `DeprecationWarning`.
        absent: what to write in place of a name that other libraries have.
    """

    def find(name: str) -> Any:
        if name in homes:
            with needed_by(f"{package}.{name}"):
                module = importlib.import_module(homes[name])
            value = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        elif name in moved:
            text = f"{package}.{name} is {moved[name]}.{name} now; the old name is refused from 0.4 on"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            value = getattr(importlib.import_module(moved[name]), name)
        else:
            text = f"module {package!r} has no attribute {name!r}"
            text += f": {absent[name]}" if name in absent else ""
            raise AttributeError(text, name=name, obj=sys.modules[package])
        setattr(sys.modules[package], name, value)  # so that the next use finds it at once
        return value

    return find, lambda: sorted({*vars(sys.modules[package]), *homes, *moved})
