"""Constructor arguments, as a module keeps them."""

from __future__ import annotations

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
    if type(value) in (tuple, list):
        return type(value)(map(kept, value))
    if type(value) is dict:
        return {key: kept(entry) for key, entry in value.items()}
    if isinstance(value, Tensor):
        return Looks(f"tensor{shape(value)}")
    return Looks(f"{type(value).__name__}(...)" if isinstance(value, Tree) else repr(value))
