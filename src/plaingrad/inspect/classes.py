"""Targets as class indices."""

from __future__ import annotations

from typing import Any

from torch import Tensor


def class_indices(targets: Any) -> Tensor | None:
    """Class indices ``(n,)`` of indices or of one-hot targets; None of other targets."""
    if not isinstance(targets, Tensor):
        return None
    if targets.ndim == 1 and not targets.is_floating_point() and int(targets.min()) >= 0:
        return targets
    one_hot = targets.ndim == 2 and bool(((targets == 0) | (targets == 1)).all())
    if one_hot and targets.shape[1] > 1 and bool((targets.sum(1) == 1).all()):
        return targets.argmax(1)
    return None
