"""The file that a run goes on from after it was killed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from torch import Tensor

from plaingrad.data.checks import expect_folder
from plaingrad.errors import InputError, error_fields
from plaingrad.files import expect_writable, held
from plaingrad.strict_json import strict_json
from plaingrad.tensor_file import ENTRY, open_tensors, write_tensors
from plaingrad.train.resume.fingerprint import difference, digest
from plaingrad.train.resume.nest import packed, unpacked

FORMAT = 1
NAME = "checkpoint.safetensors"
TERMINATED = 143  # the exit code of a process that SIGTERM has ended, as shells report it


def terminate() -> NoReturn:
    """End the program after SIGTERM, once the state is written.

    Raises:
        SystemExit: with the exit code of such an end.
    """
    print("stopped; run the same command to go on", file=sys.stderr, flush=True)
    raise SystemExit(TERMINATED)


def checksum(data: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """A hash of all that is in a checkpoint."""
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(
        f"{text} {[digest(tensors[name]) for name in sorted(tensors)]}".encode()
    ).hexdigest()


class Checkpoint:
    """The state of a run in a file, which is there from the first checkpoint to the end of the run.

    Args:
        folder: the folder of the file; created when the run begins, and removed with it if it is empty then.
        every: the least seconds from one checkpoint to the next; 0 for one after each epoch.
        name: the name of the file.
        is_kept: whether the file stays when the run is complete, so that a run of several parts, of which
            this is one, need not do it again; then the program's global random numbers are not in it.

    Attributes:
        path: the file.
        epoch: the number of epochs after which the state in the file was written; 0 if there is none.
    """

    def __init__(
        self, folder: str | os.PathLike[str], every: float = 10.0, name: str = NAME, is_kept: bool = False
    ) -> None:
        self.folder, self.every, self.is_kept = Path(folder), every, is_kept
        self.path, self.epoch = self.folder / name, 0
        self._fingerprint: dict[str, str] = {}
        self._written = time.monotonic()
        self._has_warned = False

    def begin(self, fingerprint: dict[str, str]) -> dict[str, Any] | None:
        """Return the state of the run with this fingerprint; None if it has not begun.

        Raises:
            InputError: the file holds the state of another run, or none.
            OSError: the folder cannot be created or written to.
        """
        expect_folder(self.folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        expect_writable(self.path)
        self._fingerprint, self._written = fingerprint, time.monotonic()
        return self._read() if self.path.exists() else None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Have no other process go on with the run for the length of a block.

        Raises:
            InputError: one does.
        """
        with held(self.path.with_name(f".{self.path.stem}.lock")) as is_ours:
            if not is_ours:
                problem = "expected a checkpoint that nobody uses, got one that another run goes on from"
                raise InputError(problem, file=self.path)
            yield

    def is_due(self) -> bool:
        """True if it is time for the next checkpoint."""
        return time.monotonic() - self._written >= self.every

    def write(self, state: dict[str, Any], epoch: int, components: dict[str, str]) -> None:
        """Write the state after so many epochs; if it cannot be written, warn, and keep the one before.

        Args:
            state: the state.
            epoch: the number of epochs.
            components: the part of the fingerprint that training has changed, as it is now.
        """
        tensors: dict[str, Tensor] = {}
        data = {"format": FORMAT, "fingerprint": self._fingerprint, "epoch": epoch, "now": components}
        data["state"] = packed(state, tensors)
        data["sha256"] = checksum(data, tensors)
        try:
            write_tensors(self.path, tensors, json.dumps(data, allow_nan=False))
            self.epoch, self._has_warned = epoch, False
        except OSError as error:
            text = f"the checkpoint cannot be written, and that after epoch {self.epoch} stays: {error}"
            if not self._has_warned:
                warnings.warn(text, RuntimeWarning, stacklevel=2)
            self._has_warned = True
        self._written = time.monotonic()

    def remove(self) -> None:
        """Remove the file, and the folder if nothing else is in it."""
        self.path.unlink(missing_ok=True)
        with suppress(OSError):  # other files are in it
            self.folder.rmdir()

    def _read(self) -> dict[str, Any]:
        expected, hint = "the checkpoint of a run", "remove it to begin anew"
        with error_fields(hint=hint), open_tensors(self.path, expected) as file:
            tensors = {name: file.tensor(name) for name in file.names}
            text = file.metadata.get(ENTRY, "{}")
        try:
            data = strict_json(text)
            if data.pop("sha256") != checksum(data, tensors):
                raise InputError("one whose content is not what was written")
            state = unpacked(data["state"], tensors)
            before, self.epoch = dict(data["fingerprint"]), int(data["epoch"])
            after = {**before, **data["now"]}  # of the same objects, if the program goes on after Ctrl-C
            if data["format"] != FORMAT:
                raise InputError(f"format {data['format']}")
        except (InputError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"expected {expected}, got {error}", file=self.path, hint=hint) from None
        other = difference(before, self._fingerprint)
        if other and difference(after, self._fingerprint):
            problem = f"expected the run that this checkpoint is of, got {other}"
            raise InputError(problem, file=self.path, hint=hint)
        return dict(state)
