"""Plain data, read with care: whatever a file says is checked before it is used."""

from __future__ import annotations

import math
from typing import Any

from plaingrad.errors import InputError


class Fields:
    """The fields of a JSON object.

    Args:
        data: what was read.
        path: its name in errors.

    Raises:
        ValueError: here and in each method: a field is missing, unknown or of the wrong type.
    """

    def __init__(self, data: Any, path: str) -> None:
        if not isinstance(data, dict):
            raise InputError(f"{path}: expected an object, got {type(data).__name__}")
        self.data, self.path = data, path

    def expect_only(self, *names: str) -> None:
        """Refuse fields that nobody knows."""
        for name in self.data:
            if name not in names:
                raise InputError(f"{self.path}: unknown field {name!r}")

    def value(self, name: str) -> Any:
        """Any field."""
        if name not in self.data:
            raise InputError(f"{self.path}: field {name!r} is missing")
        return self.data[name]

    def inside(self, name: str) -> Fields:
        """The fields of an object in this one."""
        return Fields(self.value(name), f"{self.path}: {name}")

    def text(self, name: str) -> str:
        """A string."""
        return self._of(name, str, "a string")

    def truth(self, name: str) -> bool:
        """True or false."""
        return self._of(name, bool, "true or false")

    def count(self, name: str) -> int:
        """An integer of at least 0."""
        value = self._of(name, int, "an integer")
        if isinstance(value, bool) or value < 0:
            raise InputError(f"{self.path}: expected {name!r} to be an integer of at least 0, got {value!r}")
        return value

    def number(self, name: str) -> float:
        """A finite number."""
        value = self.value(name)
        if not is_number(value):
            raise InputError(f"{self.path}: expected {name!r} to be a finite number, got {value!r:.40}")
        return float(value)

    def items(self, name: str) -> list[Any]:
        """A list."""
        return self._of(name, list, "a list")

    def texts(self, name: str) -> list[str]:
        """A list of distinct strings."""
        values = self.items(name)
        if not all(isinstance(value, str) for value in values) or len(set(values)) < len(values):
            raise InputError(f"{self.path}: expected {name!r} to be distinct strings")
        return values

    def _of(self, name: str, kind: type, expected: str) -> Any:
        value = self.value(name)
        if not isinstance(value, kind):
            raise InputError(f"{self.path}: expected {name!r} to be {expected}, got {type(value).__name__}")
        return value


def is_number(value: Any) -> bool:
    """True for a number that is no truth value, and finite as a float."""
    try:
        return not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:
        return False
