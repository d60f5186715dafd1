"""Progress on the terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import Progress

from plaingrad.console.progress import INTERVAL, progress_line
from plaingrad.train.callbacks.callback import Callback, Logs


class ProgressBar(Callback):
    """A bar with the epochs done, the times passed and left, and the losses; nothing without a terminal.

    Args:
        lines: whether to print a line per epoch above the bar, terminal or not.
        console: where to; standard output if None.
    """

    watches_model = False

    def __init__(self, lines: bool = False, console: Console | None = None) -> None:
        self.lines, self.console = lines, console
        # Who names a console wants progress there, and standard error only where a person sees both.
        self.verbose = console is None or console.is_terminal
        self._bar: Progress | None = None

    def on_train_begin(self, logs: Logs) -> None:
        console = self.console or Console()
        self._bar = progress_line(console, "epoch", transient=self.lines)
        self._task = self._bar.add_task("", total=self.run.epochs)
        self._due = 0.0
        self._bar.start()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        assert self._bar is not None
        if self.lines:
            place = f"epoch {epoch + 1:>{len(str(self.run.epochs))}}/{self.run.epochs}"
            self._bar.console.print(f"{place}  {told(logs)}", highlight=False, soft_wrap=True)
        if time.monotonic() >= self._due:  # epochs may be shorter than it takes to tell of them
            self._tell(logs)
            self._due = time.monotonic() + INTERVAL

    def on_train_end(self, logs: Logs) -> None:
        if self._bar is not None:
            if logs:
                self._tell(logs)
            self._bar.stop()

    def _tell(self, logs: Logs) -> None:
        assert self._bar is not None
        losses = {name: value for name, value in logs.items() if name in ("loss", "val_loss")}
        self._bar.update(self._task, completed=len(self.run.history), description=told(losses))


def told(logs: Logs) -> str:
    """An epoch's losses and metrics in one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items() if name not in ("lr", "seconds"))
