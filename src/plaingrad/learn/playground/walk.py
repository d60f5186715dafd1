"""One step of training on one sample, taken layer by layer, forward, backward and through the update."""

from __future__ import annotations

from typing import Any

from plaingrad.errors import InputError
from plaingrad.inspect import record
from plaingrad.inspect.player import Steps
from plaingrad.learn.playground.run import Run


class Walk:
    """A step of training on one sample of the training data, and where one stands in it.

    The record of the step is made at once, on a copy; the run itself makes the step when the walk comes to
    the update, and takes it back when the walk goes back.

    Args:
        run: whose step it is.
        sample: the index of the sample.

    Raises:
        InputError: there is no such sample.
    """

    def __init__(self, run: Run, sample: int) -> None:
        count = len(run.problem.train)
        if not 0 <= sample < count:
            raise InputError(f"walk: expected a sample from 0 to {count - 1}, got {sample!r:.40}")
        self.run, self.sample, self.at = run, sample, 0
        x, t = run.batch_from(sample)
        penalised = run.state.l1 or run.state.l2  # by the run, beside the update rule
        optimizer = None if penalised else run.optimizer
        trace = record(run.model, x, run.targets(t), loss=run.loss, optimizer=optimizer)
        self.steps = Steps(trace, run.stages, rule=repr(run.optimizer))

    @property
    def phases(self) -> list[tuple[str, int | None]]:
        """As `Steps.phases`."""
        return self.steps.phases

    def go(self, steps: int) -> None:
        """Go forth or back; at the update the run makes its step, or takes it back."""
        to = min(max(self.at + steps, 0), len(self.phases) - 1)
        if to > self.at and self.phases[to][0] == "update":
            self.run.keep()
            self.run.act({"type": "walk", "sample": self.sample})
        elif to < self.at and self.phases[self.at][0] == "update":
            self.run.undo()
        self.at = to

    def message(self) -> dict[str, Any]:
        """The stage."""
        row = self.run.problem.train_rows[self.sample].tolist()
        point = row[:2] if len(row) > 2 else [row[0], 0.0]
        return self.steps.message(self.at, self.sample, point, row[-1])

    def look(self, layer: int, unit: int) -> dict[str, Any]:
        """The equations of a unit with its numbers, of the phase in which the walk is."""
        return self.steps.look(self.at, layer, unit)
