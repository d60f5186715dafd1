"""What runs an epoch: the interface of the engines, and the choice of one."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from plaingrad.train.eager import EagerEngine
from plaingrad.train.native.builder import BuildError
from plaingrad.train.native.engine import NativeEngine
from plaingrad.train.native.lower import NotLoweredError
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
        ValueError: there is no such engine, or it cannot do the task.
    """
    if name not in ("auto", "eager", "native"):
        raise ValueError(f"engine: expected 'auto', 'eager' or 'native', got {name!r}")
    if name == "eager":
        return EagerEngine(task), "asked for"
    try:
        return NativeEngine(task), "asked for" if name == "native" else "known to the kernels"
    except (NotLoweredError, BuildError) as error:
        if name == "native":
            raise ValueError(f"engine 'native' cannot run this: {error}") from error
        return EagerEngine(task), f"the native engine cannot run this: {error}"
