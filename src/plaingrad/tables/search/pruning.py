"""The early end of settings that fall behind."""

from __future__ import annotations

from typing import Any

import numpy as np

from plaingrad.tables.model.monitoring import column_of, smaller_is_better
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.settings import Settings
from plaingrad.train.callbacks.callback import Logs


class Pruning(Watcher):
    """Ends the training of a setting that is behind the median of the others.

    Args:
        trial: of Optuna; told the best loss so far after epochs 1, 2, 4, 8...
        settings: say what to look at: the validation loss, or a metric.

    Attributes:
        best: the best value of it.
        name: of it, in words.
        pruned: whether training was ended so.
    """

    watches_model = False

    def __init__(self, trial: Any, settings: Settings) -> None:
        self.column, self.smaller = column_of(settings), smaller_is_better(settings)
        self.name = f"validation {self.column.removeprefix('val_').replace('_', ' ')}"
        self.trial, self.best, self.pruned = trial, float("inf" if self.smaller else "-inf"), False

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        self.best = (min if self.smaller else max)(self.best, logs[self.column])
        if (epoch + 1) & epoch == 0 and np.isfinite(self.best):
            self.trial.report(self.best, epoch + 1)
            if self.trial.should_prune():
                self.pruned = True
                self.run.stop(f"given up after epoch {epoch + 1}: worse than the median of other settings")
