"""A table on disk, read, split and encoded for a training, with all that is told of it on the way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from plaingrad.console.output import Reporter, plural
from plaingrad.tables import Target
from plaingrad.tables.mapped.pieces import Pieces
from plaingrad.tables.mapped.training import LargeTable, expect_possible, larger_than_memory
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.options import expect_fitting
from plaingrad.tables.model.rows import Rows, overrides_of, read_more, read_rows
from plaingrad.tables.report import terminal
from plaingrad.tables.report.grids import columns_grid
from plaingrad.tables.report.suspicions import Clues
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.parts import Parts, divided, folds, whole
from plaingrad.tables.splits.split import Split, rows_without


@dataclass(frozen=True)
class Prepared:
    """A table that is ready to be trained on.

    Attributes:
        target: what is predicted.
        encoded: the rows in parts, as a network gets them.
        folded: the parts of each fold of a cross-validation; None without one.
        columns: what was made of each column, as JSON has it.
        split: how rows are held out.
        parts: what the report says of each part of the split.
        clues: of leakage, to be judged by the score.
        lost: how many rows have no target.
    """

    target: Target
    encoded: Encoded
    folded: Iterator[Parts] | None
    columns: list[dict[str, Any]]
    split: Split
    parts: dict[str, dict[str, Any]]
    clues: Clues
    lost: int

    @classmethod
    def of(cls, data: Path, settings: Settings, reporter: Reporter, folder: Path) -> Prepared:
        """Read and encode a table.

        Args:
            data: a file, or a folder or pattern of several.
            settings: of everything.
            reporter: tells how it goes.
            folder: for the training rows of a table that does not fit into memory.

        Raises:
            InputError: the table or an option cannot be used.
            OSError: a file cannot be read.
        """
        if (pieces := larger_than_memory(data, settings)) is not None:
            return cls._larger(pieces, data, settings, reporter, folder)
        with reporter.status(f"reading {data}"):
            rows, target = read_rows(data, settings)
        expect_fitting(settings, target)
        lost = rows.lost
        _tell_of_rows(rows, target, reporter)
        with reporter.status("encoding columns"):
            parts = _parts(rows, target, settings, reporter)
            folded = folds(rows, target, settings) if settings.cv else None
            clues = Clues(rows, target, parts, settings)
            split, split_parts = rows.split, parts.split()
            del rows  # of a large table, what is not needed leaves memory
            encoded = Encoded.of(parts, settings)
            del parts
            pa.default_memory_pool().release_unused()
        columns = _tell_of_columns(encoded, reporter)
        if description := split.description(split_parts):
            reporter.text(description)
        for path, strange in encoded.strange.items():
            for cells in strange:
                reporter.warn(f"{path}: {cells}")
        return cls(target, encoded, folded, columns, split, split_parts, clues, lost)

    @classmethod
    def _larger(
        cls, pieces: Pieces, data: Path, settings: Settings, reporter: Reporter, folder: Path
    ) -> Prepared:
        """Read a table that does not fit into memory, and encode its training rows into a folder."""
        expect_possible(settings, data)
        overrides = overrides_of(settings)
        table = LargeTable.of(pieces, settings, overrides, reporter)
        rows, target = table.rows(data, settings, overrides)
        expect_fitting(settings, target)
        count, looked_at = table.sample.rows, len(rows) + rows.lost
        reporter.text(
            f"{plural(count, 'row')}, more than memory holds: {looked_at:,} of them decide what the columns "
            "are and judge the network, all others train it"
        )
        _tell_of_rows(replace(rows, lost=0), target, reporter)
        parts = divided(rows, target, settings)
        clues = Clues(rows, target, parts, settings)
        encoded, target = table.encoded(parts, target, settings, folder, reporter)
        if target.missing:
            reporter.text(f"{plural(target.missing, 'row')} without {target.name!r} left out")
        columns = _tell_of_columns(encoded, reporter)
        return cls(target, encoded, None, columns, rows.split, parts.split(), clues, target.missing)


def _tell_of_columns(encoded: Encoded, reporter: Reporter) -> list[dict[str, Any]]:
    columns: list[dict[str, Any]] = msgspec.to_builtins(encoded.encoder.choices())
    reporter.text(terminal.drawn(columns_grid(columns)), encoded.description())
    return columns


def _tell_of_rows(rows: Rows, target: Target, reporter: Reporter) -> None:
    reporter.text(f"{target.task}: {target.reason}")
    if rows.lost:
        reporter.text(f"{plural(rows.lost, 'row')} without {target.name!r} left out")
    if rows.split.kind == "time" and rows.split.missing:
        reporter.warn(f"{rows_without(rows.split.missing, str(rows.split.column))} left out")
    for problem in (*rows.meaning.strange, *rows.meaning.doubts):
        reporter.warn(str(problem))


def _parts(rows: Rows, target: Target, settings: Settings, reporter: Reporter) -> Parts:
    if settings.cv:
        return whole(rows, target, settings)
    others: list[Rows | None] = []
    for path in (settings.validation, settings.test):
        if path is None:
            others.append(None)
            continue
        more = read_more(path, target, list(rows.frame.columns), settings.reading)
        if more.lost:
            reporter.text(f"{plural(more.lost, 'row')} of {path} without {target.name!r} left out")
        others.append(more)
    return divided(rows, target, settings, *others)
