"""Saving the model during training."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from plaingrad.errors import InputError
from plaingrad.train.callbacks.callback import Callback, Logs
from plaingrad.train.callbacks.monitor import Monitor
from plaingrad.train.checkpoint import save_model


class ModelCheckpoint(Callback):
    """Writes the model to a safetensors file after each epoch, or after each best epoch so far.

    Of several processes that average their networks, only the epochs count with which a round ends.

    The file's metadata are the epoch, counted from 1, and all that it recorded. The file is never incomplete.

    Args:
        path: the file. ``{epoch}`` and columns are filled in, as in ``"{epoch}-{val_loss:.3f}.safetensors"``.
        monitor: the column to watch.
        save_best_only: whether to write only when the column has become better.
        mode: "min" or "max", whichever is better; "auto" knows plaingrad's own metrics.

    Raises:
        InputError: the mode is unknown; at the start of training, if no such column will be recorded, or the
            path's folder does not exist or it has other fields.
    """

    writes = True

    def __init__(
        self,
        path: str | os.PathLike[str],
        monitor: str = "val_loss",
        save_best_only: bool = False,
        mode: str = "auto",
    ) -> None:
        self.path, self.monitor, self.mode = os.fspath(path), monitor, mode
        self._monitor = Monitor("ModelCheckpoint", monitor, mode) if save_best_only else None

    def on_train_begin(self, logs: Logs) -> None:
        if self._monitor is not None:
            self._monitor = Monitor("ModelCheckpoint", self.monitor, self.mode)
            self._monitor.expect_column(self.run)
        try:
            example = self.path.format(epoch=1, **dict.fromkeys(self.run.columns, 0.0))
        except (KeyError, IndexError, ValueError) as error:
            available = ", ".join(["epoch", *self.run.columns])
            raise InputError(
                f"ModelCheckpoint: expected a path with fields among {available}; got {self.path!r}"
            ) from error
        if not Path(example).parent.is_dir():
            raise InputError(f"ModelCheckpoint: expected a path in a folder that exists, got {example!r}")

    def state_dict(self) -> dict[str, Any]:
        """The best value so far."""
        return {"best": None if self._monitor is None else self._monitor.best}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self._monitor is not None:
            self._monitor.best = state["best"]

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self.run.settled() and (self._monitor is None or self._monitor.improved(logs)):
            record = {"epoch": epoch + 1, **logs}
            save_model(self.run.model, self.path.format(**record), record)
