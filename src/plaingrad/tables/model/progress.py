"""The epochs of a training as they pass, on the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from rich.console import Console

from plaingrad.console.progress import INTERVAL, progress_line
from plaingrad.estimators.objectives import LINKS
from plaingrad.tables import Target
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.report.scores import first_score, quantile_of
from plaingrad.tables.settings import Settings
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.evaluation import BATCH_SIZE, outputs


@contextmanager
def counted(console: Console, title: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal while the block runs, which tells how much is done, and of how much."""
    with progress_line(console, title) as display:
        task = display.add_task("", total=None)
        yield lambda done, total: display.update(task, completed=done, total=total)


class EpochProgress(Watcher):
    """A bar with epoch, losses and the first score of the report, which the history gets for each epoch too.

    Networks of an ensemble are trained side by side, each with a copy; the copies share the display and have
    a line each.

    Args:
        console: where to; nothing is shown if it is no terminal.
        title: stands before the bar.
    """

    def __init__(self, console: Console, title: str = "epoch") -> None:
        self.display = progress_line(console, title)
        self.verbose = not self.display.disable
        self.task: Any = None
        self.held_out: Samples | None = None

    def __deepcopy__(self, memo: Any) -> EpochProgress:
        copied = EpochProgress.__new__(EpochProgress)
        copied.__dict__.update(self.__dict__)
        return copied

    def begin(self, held_out: Samples | None, target: Target, settings: Settings) -> None:
        self.held_out, self.target, self.quantile = held_out, target, quantile_of(vars(settings))
        self.link = LINKS["exp" if settings.loss == "poisson" else "identity"]

    def on_train_begin(self, logs: Logs) -> None:
        self.task = self.display.add_task("", total=self.run.epochs)
        self.due = 0.0
        self.display.start()

    def state_dict(self) -> dict[str, Any]:
        """Nothing: what is shown is the history's."""
        return {}

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.held_out is not None:
            name, score = self._score(self.held_out)
            if f"val_{name}" not in logs:  # as the metric that ends the training it is there already
                self.run.history.append({f"val_{name}": score})
                logs = {**logs, f"val_{name}": score}
        if time.monotonic() >= self.due:
            self._show(epoch + 1, logs)
            self.due = time.monotonic() + INTERVAL

    def on_train_end(self, logs: Logs) -> None:
        if self.task is not None:
            self._show(len(self.run.history), self.run.history.last())
            self.display.refresh()
            self.display.remove_task(self.task)
        if not self.display.tasks:
            self.display.stop()

    def _show(self, epochs: int, logs: Logs) -> None:
        shown = [name for name in logs if name == "loss" or name.startswith("val_")]
        losses = "  ".join(f"{name} {logs[name]:.4g}" for name in shown)
        self.display.update(self.task, completed=epochs, description=losses)

    def _score(self, held_out: Samples) -> tuple[str, float]:
        predicted = outputs(self.run.model, torch.from_numpy(held_out.X), BATCH_SIZE).numpy()
        if not self.target.labels:
            codes = self.link(predicted[:, 0])
        elif self.target.task == "ordinal":
            codes = (predicted > 0).sum(1)
        else:
            codes = predicted.argmax(1) if predicted.shape[1] > 1 else predicted[:, 0] > 0
        return first_score(self.target, held_out.y, codes, self.quantile)
