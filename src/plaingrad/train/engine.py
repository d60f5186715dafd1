"""The choice of an engine."""

from __future__ import annotations

import functools
import multiprocessing
import os

from rich.console import Console
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.native import cost
from plaingrad.native.compile.builder import BuildError
from plaingrad.native.engine import NativeEngine
from plaingrad.native.lower import NotLoweredError, lower_training
from plaingrad.native.task import Engine, Task
from plaingrad.train.eager import EagerEngine
from plaingrad.train.several import Losses


def choose(name: str, task: Task, epochs: int, verbose: bool = False) -> Engine:
    """Choose the engine for a task.

    Args:
        name: "eager", "native", or "auto": native where the eager time of the whole call exceeds half the
            time of compiling, both as `cost` estimates them.
        task: the task of each epoch.
        epochs: the number of epochs, for all networks of one shape in the call together.
        verbose: whether to print once why a run long enough to be compiled runs eagerly, and that a network
            is being compiled if it takes long.

    Raises:
        InputError: there is no such engine, or it cannot run the task.
    """
    if name not in ("auto", "eager", "native"):
        raise InputError(f"engine: expected 'auto', 'eager' or 'native', got {name!r}")
    eager = EagerEngine(task, "asked for")
    if name == "eager":
        return eager
    if reason := not_compiled(task):
        if name == "native":
            raise InputError(f"engine 'native' cannot run this: {reason}")
        if verbose:
            _print_once(f"training eagerly, not compiled: {reason}")
        return EagerEngine(task, f"eager: {reason}")
    threads = cost.threads_for(task)
    split = f", on {threads} threads" if threads > 1 else ""
    if name == "native":
        try:
            return NativeEngine(task, eager, lower_training(task, threads), f"asked for{split}", verbose)
        except (NotLoweredError, BuildError) as error:
            raise InputError(f"engine 'native' cannot run this: {error}") from error
    estimate = cost.estimate(task, epochs)
    if not estimate.worth_compiling:
        return EagerEngine(task, f"eager: {estimate}")
    try:
        return NativeEngine(task, eager, lower_training(task, threads), f"native: {estimate}{split}", verbose)
    except (NotLoweredError, BuildError) as error:
        if verbose or (isinstance(error, BuildError) and _in_worker()):
            _print_once(f"training eagerly, not compiled: {error}")
        return EagerEngine(task, f"eager: {error}")


def not_compiled(task: Task) -> str:
    """The reason why the native engine cannot run a task whatever its network is; empty if there is none."""
    if task.stream is not None:
        return "batches that come from outside"
    if not isinstance(task.data.inputs, Tensor):
        return "several inputs"
    if isinstance(task.loss, Losses):
        return "several losses"
    return "gradients of several batches for one update" if task.batches_per_update > 1 else ""


def _in_worker() -> bool:
    """True in a process of a pool or cluster: nobody sees there that the machine lacks a compiler."""
    of_ray = "RAY_RAYLET_PID" in os.environ  # which Ray gives its processes, that Python knows no parent of
    return of_ray or multiprocessing.parent_process() is not None


@functools.cache
def _print_once(line: str) -> None:
    Console(stderr=True).print(line, highlight=False, markup=False, soft_wrap=True)
