"""The sizes of the sliding window of convolution and pooling."""

from __future__ import annotations

from collections.abc import Sequence

from plaingrad.module import Module, ModuleError


def pair(module: Module, name: str, value: int | Sequence[int], least: int = 1) -> tuple[int, int]:
    """A number for rows and one for columns, from two or one for both; at least ``least``."""
    both = (value, value) if isinstance(value, int) else tuple(value)
    if len(both) != 2 or min(both) < least:
        raise ModuleError(module, f"expected {name} to be one or two numbers from {least}, got {value}")
    return both
