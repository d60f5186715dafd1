"""Progress on the terminal, or in a notebook."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import Progress

from plaingrad.console.notebook import NotebookProgress, in_notebook
from plaingrad.console.progress import INTERVAL, progress_line
from plaingrad.data.batches import Batches
from plaingrad.train.callbacks.callback import Callback, Logs


class ProgressBar(Callback):
    """A bar with the epochs done, the elapsed and remaining time, and the losses; silent without a terminal.

    In a notebook it is one line below the cell, which is updated in place and stays at the end.

    Args:
        lines: whether to print a line per epoch above the bar, terminal or not.
        console: the console to print to; standard output if None.
    """

    watches_model = False
    only_looks = True
    writes = True

    def __init__(self, lines: bool = False, console: Console | None = None) -> None:
        self.lines, self.console = lines, console
        # A caller that passes a console expects progress there, and on standard error only beside a terminal.
        self.verbose = console is None or console.is_terminal
        self._bar: Progress | None = None

    def on_train_begin(self, logs: Logs) -> None:
        if self.console is None and in_notebook():
            self._bar = NotebookProgress("epoch")
        else:
            self._bar = progress_line(self.console or Console(), "epoch", transient=self.lines)
        self._task = self._bar.add_task("", total=self.run.epochs)
        self._due = 0.0
        self._bar.start()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: the bar shows how far the history has come."""
        return {}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        assert self._bar is not None
        if self.lines:
            prefix = f"epoch {epoch + 1:>{len(str(self.run.epochs))}}/{self.run.epochs}"
            (self.console or self._bar.console).print(
                f"{prefix}  {format_logs(logs)}", highlight=False, soft_wrap=True
            )
        if time.monotonic() >= self._due:  # epochs may be shorter than an update of the bar
            self._refresh(logs)
            self._due = time.monotonic() + INTERVAL

    def on_train_end(self, logs: Logs) -> None:
        if self._bar is not None:
            if logs:
                self._refresh(logs)
            self._bar.stop()

    def _refresh(self, logs: Logs) -> None:
        assert self._bar is not None
        losses = {name: value for name, value in logs.items() if name in ("loss", "val_loss")}
        self._bar.update(self._task, completed=len(self.run.history), description=format_logs(losses))


class BatchProgressBar(ProgressBar):
    """A progress bar that counts the batches within an epoch, too.

    Args:
        stream: the batches.
    """

    def __init__(self, stream: Batches) -> None:
        super().__init__()
        self.stream = stream

    def on_train_batch_end(self, batch: int, logs: Logs) -> None:
        assert self._bar is not None
        if time.monotonic() >= self._due:
            length = self.stream.length
            count = f"batch {batch + 1}/{length}" if length else f"batch {batch + 1}"
            self._bar.update(self._task, description=f"{count}  {format_logs(logs)}")
            self._due = time.monotonic() + INTERVAL


def format_logs(logs: Logs) -> str:
    """An epoch's losses and metrics on one line."""
    return "  ".join(f"{name} {value:.4g}" for name, value in logs.items() if name not in ("lr", "seconds"))
