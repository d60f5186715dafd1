"""The meaning and the encoding of the columns of a table, from a sample of its rows and from all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import pandas as pd

from plaingrad.errors import InputError, error_fields
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.encoder import TableEncoder
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.numeric import Standard
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.target import Target, Task
from plaingrad.tables.mapped.measuring import Moments, measurer
from plaingrad.tables.mapped.pieces import Piece, Pieces
from plaingrad.tables.mapped.sample import Sample


def target_of(
    sample: Sample,
    name: str,
    task: Task | None,
    schema: Mapping[str, ColumnSchema],
    order: Sequence[str] | None,
) -> Target:
    """The column to be predicted, with the classes that any row of the table has.

    Raises:
        InputError: it cannot be predicted; one line that says why.
    """
    values = sample.frame[name]
    if len(sample.rare):
        rare = pd.Series(pd.array(sample.rare, dtype=pd.ArrowDtype(sample.rare.type)))
        values = pd.concat([values, rare], ignore_index=True)
    with sample.located():
        return Target.of(values, name, task, schema.get(name), order)


def encoder_of(
    sample: Sample,
    target: Target,
    columns: Sequence[str],
    encoder: TableEncoder,
    schema: Mapping[str, ColumnSchema],
    infinite_as_missing: bool,
) -> tuple[TableEncoder, Meaning]:
    """The encoder, fitted to those rows of a sample that have a target, and the meaning of all rows.

    Raises:
        InputError: a column cannot be used, or none can; one line that names column and row.
    """
    with sample.located():
        present = target.present(sample.frame[target.name])
        meaning = Meaning.of(sample.frame[list(columns)], schema, infinite_as_missing)
        if not present.all():
            meaning.frame = meaning.frame[present]
        try:
            encoder.fit(meaning.frame, schema=meaning.schema)
        except InputError as error:
            if error.row is not None:
                error.row = int(meaning.frame.index[error.row])
            raise
    return encoder, meaning


def measured(
    pieces: Pieces,
    encoder: TableEncoder,
    target: Target,
    progress: Callable[[Piece], object] | None = None,
    skip: np.ndarray | None = None,
) -> tuple[TableEncoder, Target]:
    """An encoder and a target that were fitted to a sample, with numbers that come from all rows.

    Args:
        pieces: the table.
        encoder: of its columns.
        target: what is predicted.
        progress: called with each piece.
        skip: the numbers of rows that are left out, in order.

    Raises:
        InputError: a cell cannot be used; one line that names file, column and row.
    """
    measurers = {name: measurer(each, encoder.max_levels) for name, each in encoder.used_.items()}
    moments = None if target.labels else Moments(Standard(target.mean, target.deviation))
    missing, lost = Counter[str](), 0
    for piece in pieces:
        frame, without = with_target(piece, target, skip)
        lost += without
        for name, schema in encoder.schema_.items():
            with piece.located(frame.index), error_fields(column=name):
                column, _ = schema.read(Column.of(frame[name]))
            missing[name] += int(column.missing().sum())
            if name in measurers:
                measurers[name].add(column)
        if moments is not None:
            with piece.located(frame.index), error_fields(column=target.name):
                moments.add(target.schema.read_all(Column.of(frame[target.name])).values)
        if progress:
            progress(piece)
    encoders = {
        name: measurers[name].encoder() if name in measurers else each
        for name, each in encoder.encoders_.items()
    }
    changes: dict[str, float] = {"missing": lost}
    if moments is not None:
        standard = moments.standard()
        changes |= {"mean": standard.mean, "deviation": standard.deviation}
    return encoder.with_encoders(encoders, missing), msgspec.structs.replace(target, **changes)


def with_target(piece: Piece, target: Target, skip: np.ndarray | None = None) -> tuple[pd.DataFrame, int]:
    """The rows of a piece that have a target and are not left out, and the number of those without one."""
    frame = piece.frame()
    with piece.located():
        present = target.present(frame[target.name])
    without = int((~present).sum())
    if skip is not None and len(skip):
        first, last = np.searchsorted(skip, [piece.start, piece.start + len(frame)])
        present[skip[first:last] - piece.start] = False
    return (frame if present.all() else frame[present]), without
