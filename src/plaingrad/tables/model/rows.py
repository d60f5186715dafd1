"""The rows of a table that can be learned from, and what is to be learned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd

from plaingrad.errors import InputError, error_fields
from plaingrad.tables import TableEncoder, Target, read_frame
from plaingrad.tables.columns.column import Column
from plaingrad.tables.columns.deciding import simple_schema
from plaingrad.tables.columns.meaning import Meaning
from plaingrad.tables.columns.schema import ColumnSchema
from plaingrad.tables.columns.schema_file import load_schema
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.errors import MisfitError, expect_column, expect_columns
from plaingrad.tables.mapped.pieces import whole_table
from plaingrad.tables.mapped.sources import is_several
from plaingrad.tables.reading.options import ReadOptions
from plaingrad.tables.reading.source import IGNORE, located, mendable, named, repeated
from plaingrad.tables.settings import Settings
from plaingrad.tables.splits.group import GroupSplit
from plaingrad.tables.splits.split import RandomSplit, Split
from plaingrad.tables.splits.time import TimeSplit

FEWEST_ROWS = 10
DEFAULT = ReadOptions()


@dataclass(frozen=True)
class Samples:
    """Rows as a network gets them.

    Attributes:
        X: their features, float32 ``(rows, features)``.
        y: their target, as in `Rows`.
        weights: how much each counts in training, as in `Rows`.
        groups: a number that rows share which belong together; None if each is alone.
    """

    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.y)

    def sample(self, most: int, seed: int) -> Samples:
        """At most so many of them, drawn at random, in their order."""
        if len(self) <= most:
            return self
        drawn = np.sort(np.random.default_rng(seed).choice(len(self), most, replace=False))
        others = (None if each is None else each[drawn] for each in (self.weights, self.groups))
        return Samples(self.X[drawn], self.y[drawn], *others)


@dataclass(frozen=True)
class Rows:
    """Rows with their target.

    Attributes:
        frame: the columns to predict from; its index has the places of the rows in the file, from 0.
        codes: the target as a network learns it: places among the classes, int64 ``(n,)``, or scaled numbers,
            float64 ``(n,)``.
        source: the table that they are from.
        lost: how many rows were left out because they have no target.
        weights: how much each row counts in training, float64 ``(n,)``; None if all count alike.
        meaning: the meaning of the columns in the whole table, without its values.
        split: how parts of them are held out.
    """

    frame: pd.DataFrame
    codes: np.ndarray
    source: Path
    lost: int = 0
    weights: np.ndarray | None = None
    meaning: Meaning = field(default_factory=lambda: Meaning(pd.DataFrame()))
    split: Split = field(default_factory=RandomSplit)

    def __len__(self) -> int:
        return len(self.frame)

    def take(self, indices: np.ndarray) -> Rows:
        """Some of the rows, in this order."""
        frame, codes = self.frame.iloc[indices], self.codes[indices]
        weights = None if self.weights is None else self.weights[indices]
        split = self.split.take(indices)
        return replace(self, frame=frame, codes=codes, lost=0, weights=weights, split=split)

    def encoded(self, encoder: TableEncoder, strange: StrangeCounts | None = None) -> Samples:
        """The rows as a network gets them; ``strange`` as for the encoder.

        Raises:
            InputError: a number is infinite; told with the file and its row.
        """
        with self.located():
            X = encoder.transform(self.frame, strange=strange)
        return Samples(X, self.codes, self.weights, self.split.units)

    @contextmanager
    def located(self) -> Iterator[None]:
        """Give errors about a row of these the file and its number there."""
        with named(self.source), numbered(self.frame):
            yield


@contextmanager
def numbered(some: pd.DataFrame | pd.Series) -> Iterator[None]:
    """Give errors about a row of these its number in the file, from which their index counts."""
    try:
        yield
    except InputError as error:
        if error.row is not None:
            error.row = int(some.index[error.row])
        raise


def read_rows(path: Path, settings: Settings) -> tuple[Rows, Target]:
    """Read the table, and look at the column to be predicted.

    Raises:
        InputError: something in the file cannot be used; one line that says what and where.
        OSError: the file cannot be read.
    """
    overrides = overrides_of(settings)
    with located(path, settings.format) as file:
        frame = read_cells(file, overrides, settings.reading)
        return rows_of(frame, path, settings, overrides)


def overrides_of(settings: Settings) -> dict[str, ColumnSchema]:
    """The meaning of columns that the settings name."""
    return {} if settings.columns is None else load_schema(settings.columns)


def rows_of(
    frame: pd.DataFrame,
    path: Path,
    settings: Settings,
    overrides: Mapping[str, ColumnSchema],
    target: Target | None = None,
) -> tuple[Rows, Target]:
    """The rows of a table that has been read, and the column to be predicted.

    Args:
        frame: all columns; emptied on the way.
        path: of the table.
        settings: say how it is used.
        overrides: the meaning of columns of which it is not to be decided.
        target: what is predicted, if more rows than these have decided it.

    Raises:
        InputError: something in the table cannot be used.
    """
    names = list(frame.columns)
    others = [name for name in (settings.weight, settings.group) if name is not None]
    left_out = list(dict.fromkeys([settings.target, *others, *settings.ignore]))
    timed = [] if settings.time is None else [settings.time]
    with repeated("--ignore", settings.ignore, names):
        for name in (*left_out, *timed):
            expect_column(name, names)
    if len(names) == len(left_out):
        raise InputError(f"there is no column besides the target {settings.target!r} to predict it from")
    values = frame[settings.target]
    task = None if settings.task == "auto" else settings.task
    schema, order = overrides.get(settings.target), settings.order or None
    target = target or Target.of(values, settings.target, task, schema, order)  # type: ignore[arg-type]
    if target.task == "regression" and settings.loss == "poisson":
        target = _as_rate(target, values)
    weights = None if settings.weight is None else frame[settings.weight]
    split = _split(frame, settings, overrides)
    frame.drop(columns=left_out, inplace=True)
    with mendable(IGNORE):
        meaning = Meaning.of(frame, overrides, settings.infinite_as_missing)
    rows = _with_target(path, meaning.frame, values, target)
    rows = replace(rows, meaning=replace(meaning, frame=frame))
    if weights is not None:
        rows = replace(rows, weights=_weights(weights[rows.frame.index], str(settings.weight)))
    rows = replace(rows, split=split.take(rows.frame.index.to_numpy()))
    if isinstance(rows.split, TimeSplit) and not rows.split.known.all():
        rows = replace(rows.take(np.flatnonzero(rows.split.known)), lost=rows.lost)
    if len(rows) < FEWEST_ROWS:
        raise InputError(f"too few rows: expected at least {FEWEST_ROWS}, got {len(rows)}")
    return rows, target


def _split(frame: pd.DataFrame, settings: Settings, overrides: Mapping[str, ColumnSchema]) -> Split:
    """The split that the settings ask for, of a table as it stands."""
    with error_fields(column=settings.group or settings.time):
        if settings.group is not None:
            return GroupSplit.of(frame[settings.group], settings.group)
        if settings.time is not None:
            return TimeSplit.of(frame[settings.time], settings.time, overrides.get(settings.time))
    return RandomSplit()


def read_cells(
    file: Path, overrides: Mapping[str, ColumnSchema], options: ReadOptions = DEFAULT
) -> pd.DataFrame:
    """Read a table as it stands, of which perhaps the meaning of some columns is known.

    A folder, or a pattern such as ``part-*.csv``, is a table in several files.

    Raises:
        InputError: something in the file cannot be used, or it has no such column.
        OSError: the file cannot be read.
    """
    frame = whole_table(file, options) if is_several(file) else read_frame(file, **vars(options), text=True)
    with error_fields(argument="columns"):
        expect_columns(overrides, list(frame.columns))
    return frame


def read_more(
    path: Path,
    target: Target,
    columns: Sequence[str],
    options: ReadOptions = DEFAULT,
) -> Rows:
    """Read another table with these columns and the same target; "-" is standard input.

    Raises:
        InputError: a column is missing, or a class is not known; one line that says what and where.
        OSError: the file cannot be read.
    """
    with located(path, options.format) as file:
        frame = read_frame(file, **vars(options), text=True)
        expect_columns((target.name, *columns), list(frame.columns))
        return _with_target(path, frame[list(columns)], frame[target.name], target)


def _with_target(path: Path, frame: pd.DataFrame, values: pd.Series, target: Target) -> Rows:
    present = target.present(values)
    lost = int((~present).sum())
    if lost == len(frame):
        raise InputError(f"the target {target.name!r} has no value")
    if lost:
        frame, values = frame[present], values[present]
    with numbered(values):
        codes = target.encode(values)
    return Rows(frame, codes if codes.ndim == 1 else codes[:, 0], path, lost)


def _weights(values: pd.Series, name: str) -> np.ndarray:
    """A column as the weights of its rows.

    Raises:
        InputError: one is no number, missing or negative, told with its row; or all are 0.
    """
    with numbered(values), error_fields(column=name):
        cells = Column.of(values)
        weights = msgspec.structs.replace(simple_schema(cells), kind="number").read_all(cells).values
        wrong = ~(weights >= 0)
        if wrong.any():
            row = int(wrong.argmax())
            raise MisfitError(row, "a weight of at least 0", float(weights[row]))
    if not weights.any():
        raise InputError("expected a weight above 0, got zeros alone", column=name)
    return weights


def _as_rate(target: Target, values: pd.Series) -> Target:
    """The target as multiples of its mean, for a loss whose predictions are never negative."""
    least = float(np.nanmin(target.schema.read_all(Column.of(values)).values))
    if least < 0:
        raise InputError(f"the loss poisson needs a target of at least 0, got {least:.6g} in {target.name!r}")
    return msgspec.structs.replace(target, mean=0.0, deviation=target.mean)
