"""Detection of improvements in one column of the history."""

from __future__ import annotations

import math

from plaingrad.errors import InputError
from plaingrad.train.callbacks.callback import Logs, Run

SMALLER_IS_BETTER = ("loss", "error", "mse", "mae")
LARGER_IS_BETTER = ("accuracy", "r2")


class Monitor:
    """The best value of a column so far.

    Args:
        owner: the class of the callback, for messages.
        column: a name that the epochs record, such as "val_loss".
        mode: "min" or "max", whichever is better; "auto" knows plaingrad's own metrics.
        min_delta: by how much a value must be better to count.
        best: the initial value; None for the worst.

    Attributes:
        best: the best value so far.

    Raises:
        InputError: the mode is another one, or "auto" for a column that it does not know.
    """

    def __init__(
        self, owner: str, column: str, mode: str = "auto", min_delta: float = 0.0, best: float | None = None
    ) -> None:
        if mode == "auto":
            mode = self._known(owner, column)
        if mode not in ("min", "max"):
            raise InputError(f"{owner}: expected mode 'auto', 'min' or 'max', got {mode!r}")
        self.owner, self.column, self.min_delta = owner, column, abs(min_delta)
        self.sign = 1.0 if mode == "max" else -1.0
        self.best = best if best is not None else -self.sign * math.inf

    @staticmethod
    def _known(owner: str, column: str) -> str:
        name = column.removeprefix("val_")
        if name in SMALLER_IS_BETTER:
            return "min"
        if name in LARGER_IS_BETTER:
            return "max"
        raise InputError(f"{owner}: expected mode 'min' or 'max' for {column!r}, got 'auto'")

    def expect_column(self, run: Run) -> None:
        """Refuse a column that the run does not record."""
        if self.column not in run.columns:
            available = ", ".join(run.columns)
            raise InputError(f"{self.owner}: expected monitor to be one of {available}; got {self.column!r}")

    def improved(self, logs: Logs) -> bool:
        """Update the best value; True if this epoch improved on it."""
        value = logs[self.column]
        better = self.sign * (value - self.best) > self.min_delta
        if better:
            self.best = value
        return better
