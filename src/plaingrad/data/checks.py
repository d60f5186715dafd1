"""Arguments that every wing refuses in the same words."""

from __future__ import annotations

import operator
from typing import Any, SupportsIndex

from plaingrad.module import Module


def expect_positive(name: str, value: SupportsIndex) -> int:
    """The value, if it is an integer of at least 1."""
    if isinstance(value, bool) or not hasattr(value, "__index__") or operator.index(value) < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return operator.index(value)


def expect_model(model: Any) -> None:
    """Refuse what is no module of plaingrad's, one of torch.nn's for instance."""
    if not isinstance(model, Module):
        raise ValueError(f"model: expected a plaingrad Module such as nn.Linear(2, 1), got {one_line(model)}")


def one_line(value: Any) -> str:
    """What a value looks like, without breaks between lines."""
    return " ".join(repr(value).split())
