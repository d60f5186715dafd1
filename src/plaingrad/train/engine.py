"""What runs an epoch: the interface of the engines, and the choice of one."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Protocol

from rich.console import Console
from torch import Tensor

from plaingrad.train.eager import EagerEngine
from plaingrad.train.measured import MeasuredEngine
from plaingrad.train.native import cost
from plaingrad.train.native.builder import BuildError
from plaingrad.train.native.cache import cached, wanted
from plaingrad.train.native.cost import told
from plaingrad.train.native.engine import NativeEngine
from plaingrad.train.native.lower import NotLoweredError, lower_training
from plaingrad.train.task import EpochLoss, Task

_alike: ContextVar[int] = ContextVar("_alike", default=1)


@contextmanager
def among(runs: int) -> Iterator[None]:
    """Let `choose` take it that so many runs like this one will use what is compiled for it."""
    token = _alike.set(runs)
    try:
        yield
    finally:
        _alike.reset(token)


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


def choose(name: str, task: Task, epochs: int, seconds: float = math.inf, tell: bool = False) -> Engine:
    """The engine of that name for that task.

    Args:
        name: "eager", "native", or "auto" for the one that will be done first, compiling included. Runs that
            were too short for it count together, if they are alike and no more than an hour apart.
        task: what to do in each epoch.
        epochs: how often.
        seconds: after which it will be ended.
        tell: whether to print once why a run long enough to be compiled runs eagerly.

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
            return NativeEngine(task, lower_training(task, threads), f"asked for{split}")
        except (NotLoweredError, BuildError) as error:
            raise ValueError(f"engine 'native' cannot run this: {error}") from error
    runs = _alike.get()
    guess = cost.estimate(task, epochs * runs, seconds)
    try:
        program = lower_training(task, threads)
        worth, reason = _worth(program.source, guess)
        if worth:
            return NativeEngine(task, program, f"native: {reason}{split}")
        return MeasuredEngine(task, program, guess, epochs, runs, seconds, f"eager: {reason}")
    except (NotLoweredError, BuildError) as error:
        if tell and guess.saved > cost.MARGIN * guess.compile:
            _tell_once(f"training eagerly, not compiled: {error}")
        return EagerEngine(task, f"eager: {error}")


def _worth(source: str, guess: cost.Estimate) -> tuple[bool, str]:
    """Whether the run is done earlier compiled than eagerly, in a few words."""
    if guess.saved <= 0:
        return False, "compiled, it would not be faster"
    if guess.saved > cost.LOADING and cached(source):
        return True, f"saves about {told(guess.saved)}, compiled already"
    if guess.saved > cost.MARGIN * guess.compile:
        return True, str(guess)
    # Who trains the same again and again does not say so, but has been seen to: that is no guess any more.
    earlier = wanted(source, guess.saved) if guess.saved > cost.LOADING else 0.0
    if earlier + guess.saved > guess.compile:
        return True, f"would have saved about {told(earlier)} before, for a compile of {told(guess.compile)}"
    return False, f"compiling would take {told(guess.compile)} and save {told(guess.saved)}"


@functools.cache
def _tell_once(line: str) -> None:
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)
