"""One workload, trained by several contenders in turn."""

from __future__ import annotations

import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field

import numpy as np

from benchmarks.contenders import CONTENDERS, EAGER, Contender
from benchmarks.extent import QUICK
from benchmarks.isolated import Isolated
from benchmarks.measure import Timing
from benchmarks.mkl import any_cpu
from benchmarks.workloads import Workload

# How far a contender's loss may lie from eager PyTorch's, relatively, after the same epochs over the same
# batches in the same order; rounding alone sets them apart.
TOLERANCE = 0.01
# A repetition lasts at least so long: fast contenders train more epochs, though not more than so many times.
SECONDS, MOST = 0.3, 100
UNSUITED = "-"  # in the place of the figures of a form that is not meant for such a network


@dataclass
class Result:
    """How one contender did.

    Attributes:
        timing: seconds per step.
        warm_up: seconds from the data to the end of the first epoch, with all compilation.
        loss: over all the data, after the workload's epochs without shuffling.
        failure: why there is nothing else.
    """

    timing: Timing = field(default_factory=lambda: Timing([]))
    warm_up: float = math.nan
    loss: float = math.nan
    failure: str = ""


Results = dict[str, Result]


class Race:
    """Processes that stay while workload after workload is run.

    Each contender has its own, but where little is measured they share one for each environment.

    Args:
        names: of `CONTENDERS`.
        threads: for each of them whose form names no number of its own.
    """

    def __init__(self, names: list[str], threads: int = 1) -> None:
        self.around = ExitStack()
        # Empty, so that nobody finds what it compiled another time.
        folder = self.around.enter_context(tempfile.TemporaryDirectory())
        caches = {"PLAINGRAD_CACHE": f"{folder}/plaingrad", "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch"}
        self.processes: dict[str, Isolated] = {}
        shared: dict[object, Isolated] = {}
        for name in names:
            form = CONTENDERS[name]
            number = form.threads or threads
            key = (form.any_cpu, number) if QUICK else name
            if key not in shared:
                variables = {**caches, **(any_cpu(folder) if form.any_cpu else {})}
                shared[key] = self.around.enter_context(Isolated(number, **variables))
            self.processes[name] = shared[key]

    def __enter__(self) -> Race:
        return self

    def __exit__(self, *_: object) -> None:
        self.around.close()

    def run(self, workload: Workload, repetitions: int, seconds: float = SECONDS) -> Results:
        """Warm up, compare losses, then time everyone in turn, with a new order of the data each epoch."""
        (x, y), start = workload.data(), workload.start()
        steps, epochs, results = workload.steps(len(x)), {}, {}
        for name, process in self.processes.items():
            result = results[name] = Result()
            if not CONTENDERS[name].suits(workload):
                result.failure = UNSUITED
                continue
            try:
                result.warm_up = process.call(_prepare, name, workload, x, y, start)
                process.call(_train, name, workload.epochs, False)
                result.loss = workload.loss_of(process.call(_weights, name), x, y)
                process.call(_train, name, 1, True)
                each = process.call(_train, name, workload.epochs, True) / workload.epochs
            except Exception as error:  # a peer that is not installed or cannot do it leaves a gap, no more
                result.failure = f"{type(error).__name__}: {error}".splitlines()[0]
            else:
                epochs[name] = min(max(workload.epochs, math.ceil(seconds / each)), MOST * workload.epochs)
        for _ in range(repetitions):
            for name, count in epochs.items():
                taken = self.processes[name].call(_train, name, count, True)
                results[name].timing.seconds.append(taken / (count * steps))
        return results


def strays(results: Results) -> set[str]:
    """The contenders whose loss is not eager PyTorch's: they did other work."""
    expected, ran = results[EAGER].loss, {name: r.loss for name, r in results.items() if not r.failure}
    return {name for name, loss in ran.items() if not abs(loss - expected) <= TOLERANCE * expected}


# What follows runs in the contenders' processes.
_current: dict[str, Contender] = {}


def _prepare(name: str, workload: Workload, x: np.ndarray, y: np.ndarray, start: list[np.ndarray]) -> float:
    begun = time.perf_counter()
    _current[name] = CONTENDERS[name].load()(workload, x, y, start)
    _current[name].train(1, False)
    return time.perf_counter() - begun


def _train(name: str, epochs: int, shuffle: bool) -> float:
    begun = time.perf_counter()
    _current[name].train(epochs, shuffle)
    return time.perf_counter() - begun


def _weights(name: str) -> list[np.ndarray]:
    return _current[name].weights()
