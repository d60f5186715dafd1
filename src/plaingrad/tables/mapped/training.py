"""A table of more rows than memory holds, ready for `plaingrad train`.

A sample of the rows goes the way of any table: it is looked at, split, and judged by. The network alone is
trained on all rows, but for those of the sample that are held out.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from plaingrad.console.output import Reporter
from plaingrad.console.progress import late_progress
from plaingrad.errors import InputError
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.columns.target import Target
from plaingrad.tables.errors import FormatError, expect_column, expect_columns
from plaingrad.tables.mapped import cache
from plaingrad.tables.mapped.fitting import measured, target_of
from plaingrad.tables.mapped.memory import fits
from plaingrad.tables.mapped.pieces import Piece, Pieces
from plaingrad.tables.mapped.sample import Sample, drawn
from plaingrad.tables.mapped.sources import PIECEWISE, is_several
from plaingrad.tables.model.automatic import automatic_bins, automatic_max_levels
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.rows import Rows, Samples, rows_of
from plaingrad.tables.reading.source import STANDARD, is_stream
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts

REFUSED = ("cv", "group", "time", "weight", "embedding", "validation", "test")
FOLDER = ".rows"  # in the folder of the output, while the training is not done


def larger_than_memory(data: Path, settings: Settings) -> Pieces | None:
    """The table, if it is one that would not fit into memory and is read piece by piece; else None.

    Raises:
        InputError: a file of a table in several cannot be used.
        OSError: there is no such file.
    """
    if data == STANDARD or is_stream(data):
        return None
    if not is_several(data) and (not data.exists() or not _is_piecewise(data, settings)):
        return None
    pieces = Pieces.of(data, settings.reading)
    return None if fits(pieces) else pieces


def _is_piecewise(data: Path, settings: Settings) -> bool:
    try:
        return Pieces([(data, {})], settings.reading).format(data) in PIECEWISE
    except FormatError:  # which whoever reads it says, with what helps
        return False


def expect_possible(settings: Settings, data: Path) -> None:
    """Refuse options that need the whole table.

    Raises:
        InputError: one is there.
    """
    for option in REFUSED:
        if getattr(settings, option):
            problem = f"expected none for {data}, which does not fit into memory"
            raise InputError(problem, argument=option)


@dataclass(frozen=True)
class LargeTable:
    """A table of more rows than memory holds, of which a sample is at hand.

    Attributes:
        pieces: all rows.
        sample: some of them.
        target: what is predicted.
    """

    pieces: Pieces
    sample: Sample
    target: Target

    @classmethod
    def of(
        cls, pieces: Pieces, settings: Settings, overrides: dict[str, ColumnSchema], reporter: Reporter
    ) -> LargeTable:
        """Read the table once.

        Raises:
            InputError: something in a file cannot be used; one line that says what and where.
            OSError: a file cannot be read.
        """
        expect_column(settings.target, pieces.names)
        expect_columns(overrides, pieces.names)
        with late_progress(reporter.stderr, "reading rows", pieces.rows) as advance:
            sample = drawn(pieces, settings.target, progress=partial(_count, advance))
        task: Any = None if settings.task == "auto" else settings.task
        target = target_of(sample, settings.target, task, overrides, settings.order or None)
        return cls(pieces, sample, target)

    def rows(self, data: Path, settings: Settings, overrides: dict[str, ColumnSchema]) -> tuple[Rows, Target]:
        """The rows of the sample, and the target as they are learned with it.

        Raises:
            InputError: something in the table cannot be used; one line that says what and where.
        """
        with self.sample.located():
            return rows_of(self.sample.frame, data, settings, overrides, self.target)

    def encoded(
        self, parts: Parts, target: Target, settings: Settings, folder: Path, reporter: Reporter
    ) -> tuple[Encoded, Target]:
        """The parts of the sample and all training rows as a network gets them, and the target by all rows.

        Args:
            parts: of the sample.
            target: as the sample has it.
            settings: of encoder and training.
            folder: where to write the training rows.
            reporter: shows the progress.

        Raises:
            InputError: a cell cannot be used; one line that names file, column and row.
            OSError: a file cannot be read or written.
        """
        rows = self.sample.rows
        levels = settings.max_levels or automatic_max_levels(rows)
        bins = settings.bins
        bins = automatic_bins(rows, parts.train.frame.shape[1]) if bins is None else bins
        encoded = Encoded.of(parts, replace(settings, max_levels=levels, bins=bins))
        held_out = [part for part in (parts.validation, parts.test) if part is not None]
        skip = np.sort(np.concatenate([np.empty(0, np.int64), *map(self._indices, held_out)]))
        options = {
            "source": [os.fspath(path) for path, _ in self.pieces.files],
            "settings": {name: str(value) for name, value in settings.chosen().items()},
            "held_out": hashlib.sha256(skip.tobytes()).hexdigest()[:16],
        }
        state = self._state(folder, options)
        strange = StrangeCounts()
        if state is None:
            with late_progress(reporter.stderr, "measuring columns", self.pieces.rows) as advance:
                count = partial(_count, advance)
                encoder, exact = measured(self.pieces, encoded.encoder, target, count, skip)
            if not target.labels and settings.loss == "poisson":  # in multiples of its mean
                exact = msgspec.structs.replace(exact, mean=0.0, deviation=exact.mean)
            with late_progress(reporter.stderr, "encoding rows", self.pieces.rows) as advance:
                count = partial(_count, advance)
                state = cache.write(folder, self.pieces, encoder, exact, options, strange, count, skip)
        for cells in strange:
            reporter.warn(str(cells))
        mapped = cache.mapped(folder, state)
        y = mapped.targets.numpy()
        train = Samples(mapped.inputs.numpy(), y if y.ndim == 1 else y[:, 0])
        encoded = replace(encoded, encoder=mapped.encoder, train=train)
        return self._with(encoded, parts, target, mapped.target, skip), mapped.target

    def _state(self, folder: Path, options: dict[str, Any]) -> cache.MapState | None:
        """The training rows that an earlier run has left, if they are those of this one."""
        state = cache.read(folder)
        files = [cache.FileState.of(*each) for each in self.pieces.files]
        is_same = state is not None and state.options == options and state.files == files
        return state if is_same else None

    def _indices(self, part: Rows) -> np.ndarray:
        """The numbers of some rows of the sample in the table."""
        return self.sample.indices[part.frame.index.to_numpy()]

    def _with(
        self, encoded: Encoded, parts: Parts, before: Target, target: Target, skip: np.ndarray
    ) -> Encoded:
        """The parts that are held out by the encoder and the target of all rows."""
        others = {}
        for name in ("validation", "test"):
            part = getattr(parts, name)
            if part is not None:
                y = part.codes if target.labels else target.standardised(before.undo(part.codes))
                others[name] = replace(part.encoded(encoded.encoder, StrangeCounts()), y=y)
        raw = encoded.raw
        if raw is not None:  # whose rows are among the training rows now
            indices = self._indices(parts.train)[raw.indices]
            raw = replace(raw, indices=self._positions(indices, target, skip))
        return replace(encoded, raw=raw, **others)

    def _positions(self, indices: np.ndarray, target: Target, skip: np.ndarray) -> np.ndarray:
        """The numbers of rows of the table among the training rows."""
        before = indices - np.searchsorted(skip, indices)
        if not target.missing:
            return before
        lost = np.concatenate([_lost(piece, target) for piece in self.pieces])
        return before - np.searchsorted(lost, indices)


@contextmanager
def removed_when_done(folder: Path) -> Iterator[None]:
    """Remove a folder at the end, but keep it for the next run if this one is interrupted."""
    try:
        yield
    except Exception:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder, ignore_errors=True)


def _lost(piece: Piece, target: Target) -> np.ndarray:
    """The numbers of the rows of a piece that have no target."""
    present = target.present(piece.frame()[target.name])
    return piece.start + np.flatnonzero(~present)


def _count(advance: Any, piece: Piece) -> None:
    advance(len(piece.table))
