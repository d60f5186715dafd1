"""How a time is taken here: contenders in turn, one thread, medians and spread, ratios from the same run."""

from __future__ import annotations

import gc
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

REPETITIONS = 9


@dataclass(frozen=True)
class Timing:
    """Seconds per unit of work, one for each repetition."""

    seconds: list[float]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def in_microseconds(self) -> str:
        """Median and range, in microseconds."""
        return self._spread(1e6, 1)

    def in_seconds(self) -> str:
        """Median and range, in seconds."""
        return self._spread(1, 2)

    def _spread(self, scale: float, digits: int) -> str:
        values = (self.median, min(self.seconds), max(self.seconds))
        middle, low, high = (f"{value * scale:.{digits}f}" for value in values)
        return f"{middle} ({low} to {high})"


def in_turn(
    contenders: dict[str, Callable[[], object]],
    units: int,
    repetitions: int = REPETITIONS,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Timing]:
    """Time contenders alternately, A B A B ..., after one call of each that does not count.

    Args:
        contenders: functions by name, each doing the same ``units`` units of work a call.
        units: how many units (training steps, say) one call does.
        repetitions: how often each is called.
        clock: the time in seconds.
    """
    for work in contenders.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(repetitions):
        for name, work in contenders.items():
            gc.collect()  # or one contender would pay for what another has left
            start = clock()
            work()
            seconds[name].append((clock() - start) / units)
    return {name: Timing(taken) for name, taken in seconds.items()}


def ratio(timings: dict[str, Timing], ours: str, peer: str) -> tuple[float, float, float]:
    """Median, smallest and largest of ours / peer, each taken pair by pair within one repetition."""
    pairs = [a / b for a, b in zip(timings[ours].seconds, timings[peer].seconds)]
    return statistics.median(pairs), min(pairs), max(pairs)


def machine() -> str:
    """The processor and the versions, for the head of the results."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    told = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
    processor = platform.processor()
    if "model name" in told:
        processor = f"{told['model name']} (family {told['cpu family']}, model {told['model']})"
    return f"{processor}, Python {platform.python_version()}, PyTorch {torch.__version__}"
