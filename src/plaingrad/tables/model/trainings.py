"""The trainings of a run, kept until all of it is complete, so that none has to be done twice."""

from __future__ import annotations

import hashlib
import json
import shutil
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import fields
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from plaingrad.console.output import Reporter
from plaingrad.errors import InputError
from plaingrad.files import held, replacing
from plaingrad.tables import Target
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.network import Fitted, fitted
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.settings import Settings

FOLDER = ".checkpoint"
RUN = "run.json"
WHERE = ("output", "report", "storage")  # settings that no training depends on


class Trainings:
    """The trainings of `plaingrad train` in a folder inside its output folder, while it runs.

    An error ends the run, and the folder is removed. After Ctrl-C or SIGTERM, or if there was no room for a
    file, the same command goes on.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self._lock = folder, ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if isinstance(error, Exception) and not isinstance(error, OSError):
            self.remove()
        self._lock.close()

    @classmethod
    def of(cls, output: Path, encoded: Encoded, settings: Settings, reporter: Reporter) -> Trainings:
        """Those of a run that was stopped, or of a new one.

        Args:
            output: the output folder.
            encoded: the rows that are trained on.
            settings: of the run.
            reporter: tells whether it goes on or begins anew.

        Raises:
            InputError: another process is at work there.
            OSError: the folder cannot be read or written to.
        """
        trainings = cls(output / FOLDER)
        output.mkdir(parents=True, exist_ok=True)
        if not trainings._lock.enter_context(held(output / f"{FOLDER}.lock")):
            raise InputError(
                "expected a folder that no other run is writing to, got one that is", file=output
            )
        try:
            trainings._begin(_fingerprint(encoded, settings), output, reporter)
        except BaseException:
            trainings._lock.close()
            raise
        return trainings

    def _begin(self, fingerprint: str, output: Path, reporter: Reporter) -> None:
        run = {"fingerprint": fingerprint}
        if self.folder.is_dir():
            if _read(self.folder / RUN) == run:
                reporter.text(f"going on with the run that was stopped in {output}")
                return
            reporter.text(f"the run that was stopped in {output} had other data or settings; beginning anew")
            self.remove()
        with replacing(self.folder / RUN, parents=True) as temporary:
            temporary.write_text(json.dumps(run), encoding="utf-8")

    def fitted(
        self,
        name: str,
        encoded: Encoded,
        target: Target,
        settings: Settings,
        callbacks: Sequence[Watcher] = (),
    ) -> Fitted:
        """Train as `plaingrad.tables.model.network.fitted` does, or return the result of the run before.

        Args:
            name: of the training within the run.
            encoded: as there.
            target: as there.
            settings: as there.
            callbacks: as there.
        """
        from plaingrad.estimators import MLPClassifier, MLPRegressor

        file = self.folder / f"{name}.safetensors"
        if file.exists():
            kind = MLPClassifier if target.labels else MLPRegressor
            return Fitted.of(kind.load(file), encoded, settings)
        with warnings.catch_warnings():
            # Where there is no room for a checkpoint, there is none for the model, which is said then.
            warnings.filterwarnings("ignore", "the checkpoint cannot be written")
            result = fitted(encoded, target, settings, callbacks, self.folder / name)
            if not result.history.stopped.startswith("interrupted"):
                warnings.simplefilter("ignore")  # callbacks, which only told how it went, are not kept
                with suppress(OSError):
                    result.estimator.save(file)
        return result

    def remove(self) -> None:
        """Remove the folder: the run is complete."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _fingerprint(encoded: Encoded, settings: Settings) -> str:
    """A hash of the rows, and of the settings that a training depends on."""
    values = {field.name: getattr(settings, field.name) for field in fields(settings)}
    digest = hashlib.sha256(repr([(name, values[name]) for name in values if name not in WHERE]).encode())
    for part in (encoded.train, encoded.validation, encoded.test):
        for array in () if part is None else (part.X, part.y, part.weights):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _read(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
