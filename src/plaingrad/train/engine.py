"""What runs an epoch: the interface of the engines, and the choice of one."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from plaingrad.train.eager import EagerEngine
from plaingrad.train.task import Task


class Engine(Protocol):
    """Runs epochs. Each one visits the same batches in the same order, so results agree to rounding."""

    name: str

    def run_epoch(self, order: Tensor | None) -> float:
        """Train once on all the data and return the mean over the samples of the losses of their batches.

        Args:
            order: a permutation of the samples, shape ``(n,)``; None for the data's own order.
        """
        ...


def choose(name: str, task: Task) -> tuple[Engine, str]:
    """The engine of that name for that task, and why it is this one.

    Raises:
        ValueError: there is no such engine.
    """
    if name == "native":
        raise ValueError("engine 'native' is not part of this version; use 'eager' or 'auto'")
    if name not in ("auto", "eager"):
        raise ValueError(f"engine: expected 'auto', 'eager' or 'native', got {name!r}")
    return EagerEngine(task), "asked for" if name == "eager" else "the only engine of this version"
