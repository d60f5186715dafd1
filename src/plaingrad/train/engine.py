"""What runs an epoch: the interface of the engines, and the choice of one."""

from __future__ import annotations

import functools
from typing import Protocol

from rich.console import Console
from torch import Tensor

from plaingrad.train.eager import EagerEngine
from plaingrad.train.native import cost
from plaingrad.train.native.builder import BuildError
from plaingrad.train.native.engine import NativeEngine
from plaingrad.train.native.lower import NotLoweredError, lower_training
from plaingrad.train.task import EpochLoss, Task


class Engine(Protocol):
    """Runs epochs. Each one visits the same batches in the same order, so results agree to rounding.

    Attributes:
        name: what the history calls it.
        reason: why it is this one.
    """

    name: str
    reason: str

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """Train for some epochs, or up to the first whose loss is not finite.

        Args:
            orders: a permutation of the samples for each, shape ``(count, n)``; None for their own order.
            count: how many.

        Returns:
            What each epoch that was run came to.
        """
        ...

    def outputs(self, inputs: Tensor) -> Tensor:
        """The model's outputs in evaluation mode, as it is now.

        Args:
            inputs: samples like those that it is trained on, any number of them.
        """
        ...


def choose(name: str, task: Task, epochs: int, verbose: bool = False) -> Engine:
    """The engine of that name for that task.

    Args:
        name: "eager", "native", or "auto" for the one that the sizes of the whole call speak for: native
            where the eager time exceeds half the time of compiling, both as `cost` estimates them.
        task: what to do in each epoch.
        epochs: how often, for all networks of one shape in the call together.
        verbose: whether to print once why a run long enough to be compiled runs eagerly, and that a network
            is being compiled if it takes long.

    Raises:
        ValueError: there is no such engine, or it cannot do the task.
    """
    if name not in ("auto", "eager", "native"):
        raise ValueError(f"engine: expected 'auto', 'eager' or 'native', got {name!r}")
    if name == "eager":
        return EagerEngine(task, "asked for")
    threads = cost.threads_for(task)
    split = f", on {threads} threads" if threads > 1 else ""
    if name == "native":
        try:
            return NativeEngine(task, lower_training(task, threads), f"asked for{split}", verbose)
        except (NotLoweredError, BuildError) as error:
            raise ValueError(f"engine 'native' cannot run this: {error}") from error
    estimate = cost.estimate(task, epochs)
    if not estimate.worth_compiling:
        return EagerEngine(task, f"eager: {estimate}")
    try:
        return NativeEngine(task, lower_training(task, threads), f"native: {estimate}{split}", verbose)
    except (NotLoweredError, BuildError) as error:
        if verbose:
            _tell_once(f"training eagerly, not compiled: {error}")
        return EagerEngine(task, f"eager: {error}")


@functools.cache
def _tell_once(line: str) -> None:
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)
