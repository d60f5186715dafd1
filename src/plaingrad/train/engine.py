"""What runs an epoch: the interface of the engines, and the choice of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.optim import Optimizer

BatchHook = Callable[[int, dict[str, float]], None]


@dataclass(frozen=True)
class Task:
    """What an engine is to do in each epoch.

    Attributes:
        model: the network, in training mode, its gradients zero.
        loss: gives one number per batch.
        optimizer: holds parameters of the model.
        data: has the model's dtype and device.
        batch_size: at most ``len(data)``; the last batch is smaller if it must be.
        schedule: to be stepped after every update; None if it is stepped after epochs, or if there is none.
        batch_begin: to be called before each batch with its number, counted from 0, and an empty dict.
        batch_end: to be called after each batch with its number and its ``{"loss": number}``.
    """

    model: Module
    loss: Loss
    optimizer: Optimizer
    data: Dataset
    batch_size: int
    schedule: Any = None
    batch_begin: Sequence[BatchHook] = ()
    batch_end: Sequence[BatchHook] = ()


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
    from plaingrad.train.eager import EagerEngine

    if name == "native":
        raise ValueError("engine 'native' is not part of this version; use 'eager' or 'auto'")
    if name not in ("auto", "eager"):
        raise ValueError(f"engine: expected 'auto', 'eager' or 'native', got {name!r}")
    return EagerEngine(task), "asked for" if name == "eager" else "the only engine of this version"
