"""A process for each contender, so that none meets another's threads, settings or memory."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

import torch


class Isolated:
    """A process that runs functions of this package, on as many cores as it is given threads.

    Args:
        threads: of every library that runs there.
        environment: variables for it besides those that limit threads.
    """

    def __init__(self, threads: int = 1, **environment: str) -> None:
        self.pool = ProcessPoolExecutor(1, get_context("spawn"))
        with patch.dict(os.environ, {**limits(threads), **environment}):
            self.call(_limit, threads)

    def call(self, function: Callable[..., Any], *args: Any) -> Any:
        """What the function returns there; what it raises is raised here."""
        return self.pool.submit(function, *args).result()

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.pool.shutdown()


def limits(threads: int) -> dict[str, str]:
    """Environment variables that hold libraries to so many threads."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
    return {**limits, "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={str(threads > 1).lower()}"}


def _limit(threads: int) -> None:
    torch.set_num_threads(threads)
    if hasattr(os, "sched_setaffinity"):  # XLA's own pool has as many threads as the process has cores
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])
