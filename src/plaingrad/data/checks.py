"""Checks of arguments that several packages share."""

from __future__ import annotations

import operator
from pathlib import Path
from typing import Any

from plaingrad.errors import InputError
from plaingrad.module import Module


def expect_positive(name: str, value: Any) -> int:
    """The value as an integer, if it is at least 1; else a ValueError."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 1:
        raise InputError(f"{name}: expected a positive integer, got {value!r}")
    return operator.index(value)


def is_index(value: Any, count: int) -> bool:
    """True for a whole number that counts one of so many things, from 0."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < count


def expect_module(model: Any) -> None:
    """Refuse anything but a plaingrad Module, such as one of torch.nn."""
    if not isinstance(model, Module):
        raise InputError(f"model: expected a plaingrad Module such as nn.Linear(2, 1), got {one_line(model)}")


def expect_model(model: Any) -> None:
    """Refuse anything but a plaingrad Module, and one that overwrites the data."""
    expect_module(model)
    for layer in model.input_layers():
        if vars(layer).get("inplace"):
            raise InputError(f"model: expected a first layer that keeps the data, got {one_line(layer)}")


def one_line(value: Any) -> str:
    """The repr of a value on one line; says what is PyTorch's, whose names are the same."""
    text = " ".join(repr(value).split())
    is_theirs = type(value).__module__.startswith(("torch.nn", "torch.optim"))
    return f"torch's {text}" if is_theirs else text


def expect_folder(path: Path) -> None:
    """Refuse a path that cannot be a folder, because it or one above it is a file.

    Raises:
        InputError: it is.
    """
    for each in (path, *path.parents):
        if each.exists():
            if not each.is_dir():
                raise InputError("expected a folder, got a file", file=each)
            return
