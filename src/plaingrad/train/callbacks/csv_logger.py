"""The history as a CSV file, written during training."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import IO, Any

from plaingrad.errors import InputError
from plaingrad.train.callbacks.callback import Callback, Logs


class CSVLogger(Callback):
    """Writes a row per epoch, counted from 1, to a CSV file as soon as the epoch ends.

    Args:
        path: the file; its folder must exist. It is opened, and its content replaced, after the first epoch.
        separator: between the columns.
        append: whether to continue a file that exists instead of replacing it.

    Raises:
        InputError: at the start of training, if the folder does not exist, the path is itself a folder, or
            the file to continue has other columns.
    """

    watches_model = False
    writes = True

    def __init__(self, path: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.path, self.separator, self.append = path, separator, append
        self._file: IO[str] | None = None
        self._start = 0
        self._writer: Any = None

    def on_train_begin(self, logs: Logs) -> None:
        self._file, path = None, Path(self.path)
        if path.is_dir() or not path.parent.is_dir():
            raise InputError(f"CSVLogger: expected a file in a folder that exists, got {str(path)!r}")
        if self.append and path.exists():
            with path.open(newline="", encoding="utf-8") as file:
                header = next(csv.reader(file, delimiter=self.separator), [])
            columns = ["epoch", *self.run.columns]
            if header and header != columns:
                problem = f"expected columns {', '.join(columns)} in {str(path)!r}, got {', '.join(header)}"
                raise InputError(f"CSVLogger: {problem}")

    def state_dict(self) -> dict[str, Any]:
        """The size of the file before this run."""
        return {"start": self._start}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Write the rows of the epochs before anew, in the place of those that the file has of this run."""
        path = Path(self.path)
        if path.exists():
            os.truncate(path, min(state["start"], path.stat().st_size))
        self._open("a")
        self._start, epochs = state["start"], self.run.history.epochs
        for epoch in range(len(self.run.history)):
            self._write(epoch, {name: epochs[name][epoch] for name in self.run.columns})

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        if self._file is None:
            self._open("a" if self.append else "w")
        self._write(epoch, logs)

    def _open(self, mode: str) -> None:
        file = self._file = Path(self.path).open(mode, newline="", encoding="utf-8")  # noqa: SIM115, closed at the end
        self._start = file.tell()
        self._writer = csv.DictWriter(file, ["epoch", *self.run.columns], delimiter=self.separator)
        if self._start == 0:
            self._writer.writeheader()

    def _write(self, epoch: int, logs: Logs) -> None:
        assert self._file is not None
        self._writer.writerow({"epoch": epoch + 1, **logs})
        self._file.flush()

    def on_train_end(self, logs: Logs) -> None:
        if self._file is not None:
            self._file.close()
