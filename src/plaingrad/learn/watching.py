"""A watch over the names that a check works with: a submission that rebinds one is not judged by it."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable
from typing import Any

import torch


def watch() -> Callable[[], list[str]]:
    """Note what is bound to the names of plaingrad and PyTorch; the result names those bound anew since."""
    owners = {
        name: module for name, module in sys.modules.items() if f"{name}.".startswith("plaingrad.") and module
    }
    classes = {
        f"{name}.{attribute}": value
        for name, module in owners.items()
        for attribute, value in vars(module).items()
        if isinstance(value, type) and value.__module__ == name
    }
    others = {
        "builtins": builtins,
        "torch": torch,
        "torch.autograd": torch.autograd,
        "torch.Tensor": torch.Tensor,
    }
    before = [
        (f"{name}.{attribute}", vars(owner), attribute, value)
        for name, owner in {**owners, **classes, **others}.items()
        for attribute, value in vars(owner).items()
        if _counts(name, attribute, value)
    ]
    missing = object()

    def rebound() -> list[str]:
        return [name for name, space, key, value in before if space.get(key, missing) is not value]

    return rebound


def _counts(owner: str, attribute: str, value: Any) -> bool:
    """True for what is called, in PyTorch and Python by its public name."""
    ours = owner.startswith("plaingrad")
    return (callable(value) or isinstance(value, (property, classmethod, staticmethod))) and (
        ours or not attribute.startswith("_")
    )
