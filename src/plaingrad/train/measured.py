"""The choice of an engine, thought over while training goes on."""

from __future__ import annotations

import math
import time
from dataclasses import replace

from torch import Tensor

from plaingrad.train.eager import EagerEngine
from plaingrad.train.native import cost
from plaingrad.train.native.builder import BuildError
from plaingrad.train.native.engine import NativeEngine
from plaingrad.train.native.lower import Program
from plaingrad.train.task import EpochLoss, Task


class MeasuredEngine:
    """Runs a task eagerly, and goes on compiled once its epochs have shown that this will be done first.

    They may take longer than was guessed: where other processes want the same cores, many times longer.

    Args:
        task: what to do.
        program: what `lower_training` makes of the task.
        guess: what the whole run would take, which spoke for running it eagerly.
        epochs: how many were asked for.
        runs: how many like this one would use what is compiled.
        seconds: after which training will be ended.
        reason: why it runs eagerly.
    """

    def __init__(
        self,
        task: Task,
        program: Program,
        guess: cost.Estimate,
        epochs: int,
        runs: int,
        seconds: float,
        reason: str,
    ) -> None:
        self.task, self.program, self.guess = task, program, guess
        self.epochs, self.runs = epochs, runs
        self.name, self.reason = "eager", reason
        self.end = time.perf_counter() + seconds
        self.engine: EagerEngine | NativeEngine = EagerEngine(task)
        self.done, self.fastest = 0, math.inf  # epochs, and the seconds of one
        self.decided = False

    def run_epochs(self, orders: Tensor | None, count: int) -> list[EpochLoss]:
        """See `Engine.run_epochs`."""
        if self.done and not self.decided:
            self.reconsider()
        begun = time.perf_counter()
        passed = self.engine.run_epochs(orders, count)
        self.fastest = min(self.fastest, (time.perf_counter() - begun) / len(passed))
        self.done += len(passed)
        return passed

    def outputs(self, inputs: Tensor) -> Tensor:
        """See `Engine.outputs`."""
        return self.engine.outputs(inputs)

    def reconsider(self) -> None:
        """Go on compiled, if that pays for the epochs that are left."""
        left = min(self.epochs - self.done, (self.end - time.perf_counter()) / self.fastest) * self.runs
        steps = -(-len(self.task.data) // self.task.batch_size)
        native = left * steps * cost.native_step(cost.work(self.task), self.program.threads)
        rest = replace(self.guess, eager=left * self.fastest, native=native)
        if rest.saved <= cost.MARGIN * rest.compile:
            return
        self.decided = True
        try:
            self.engine = NativeEngine(self.task, self.program)
            self.name, self.reason = "eager and native", f"native from epoch {self.done + 1} on: {rest}"
        except BuildError as error:
            self.reason = f"eager: {error}"
