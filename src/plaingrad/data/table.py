"""Tables on disk: a CSV file, read, checked, and made a data set with a column to be predicted."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch

from plaingrad.data.dataset import Dataset

Task = Literal["classification", "regression"]

FEWEST_ROWS = 10
MOST_INTEGER_CLASSES = 20
ROWS_PER_INTEGER_CLASS = 5
SMALLEST_TARGET, LARGEST_TARGET = 1e-100, 1e100
MISSING = ["", "#N/A", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"]


@dataclass(frozen=True)
class Table:
    """A table that can be learned from.

    Attributes:
        data: float64 inputs ``(n, columns)``; targets int64 ``(n,)`` for classification, float64 ``(n, 1)``
            for regression.
        target: the name of the column that is predicted.
        task: what kind of target it is.
        reason: why it was taken for that.
    """

    data: Dataset
    target: str
    task: Task
    reason: str


def read_table(
    path: str | Path,
    target: str,
    *,
    task: Task | None = None,
    ignore: Sequence[str] = (),
    separator: str = ",",
) -> Table:
    """Read a CSV file whose first line names the columns.

    Args:
        path: the file, in UTF-8.
        target: the column to predict.
        task: "classification" or "regression"; by default decided from the target: strings, truth values and
            few distinct integers are classes, any other numbers a quantity.
        ignore: columns to leave out.
        separator: what stands between two fields.

    Raises:
        ValueError: something in the file cannot be used; one line that says what and where.
        OSError: the file cannot be read.
    """
    path = Path(path)
    try:
        header, lines = _structure(path, separator)
        for name in (target, *ignore):
            _expect_column(name, header)
        if target in ignore:
            raise ValueError(f"the target {target!r} cannot be ignored")
        features = [name for name in header if name != target and name not in ignore]
        if not features:
            raise ValueError(f"there is no column besides the target {target!r} to predict it from")
        if len(lines) < FEWEST_ROWS:
            raise ValueError(f"too few rows: expected at least {FEWEST_ROWS}, got {len(lines)}")
        frame = pd.read_csv(
            path,
            sep=separator,
            header=0,
            names=header,
            usecols=[*features, target],
            index_col=False,
            keep_default_na=False,
            na_values={**dict.fromkeys(features, MISSING), target: [""]},
            skipinitialspace=True,
            low_memory=False,
            float_precision="round_trip",
            encoding="utf-8-sig",
        )
        for name in (*features, target):
            frame[name] = _as_written(frame[name])
        _expect_complete(frame, lines)
        _expect_numeric(frame[features], lines)
        _expect_finite(frame, lines)
        task, reason = _decide(frame[target], task)
        column = frame[target]
        targets, classes = _classes(column, lines) if task == "classification" else _values(column)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not a CSV file in UTF-8 (byte {error.object[error.start]:#x})") from None
    except (csv.Error, pd.errors.ParserError) as error:
        raise ValueError(f"{path}: not a CSV file: {error}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    inputs = torch.from_numpy(frame[features].to_numpy(np.float64).copy())
    return Table(Dataset(inputs, targets, features, classes), target, task, reason)


def _structure(path: Path, separator: str) -> tuple[list[str], list[int]]:
    """The column names, and the line on which each row begins."""
    with path.open("rb") as raw:
        start = raw.read(8192)
    if b"\0" in start:
        raise ValueError("not a CSV file: it is binary")
    with path.open(newline="", encoding="utf-8-sig") as file:
        records = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
        header = [name.strip() for name in next(filter(None, records), [])]
        if not header:
            raise ValueError("the file is empty")
        _expect_names(header, separator)
        lines: list[int] = []
        line = records.line_num + 1
        for fields in records:
            if fields and len(fields) != len(header):
                raise ValueError(
                    f"line {line}: expected {len(header)} fields as the header, got {len(fields)}"
                )
            if fields:
                lines.append(line)
            line = records.line_num + 1
    if not lines:
        raise ValueError("the file has a header but no rows")
    return header, lines


def _expect_names(header: list[str], separator: str) -> None:
    others = [other for other in ";\t|," if other != separator and len(header) == 1 and other in header[0]]
    if others:
        raise ValueError(f"the header has no {separator!r}, but {others[0]!r}: is that the separator?")
    for i, name in enumerate(header):
        if not name:
            raise ValueError(f"column {i + 1} has no name (was the index of a table written along?)")
    twice = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if twice:
        raise ValueError(f"expected distinct column names, got {_listed(twice)} more than once")


def _expect_column(name: str, header: list[str]) -> None:
    if name in header:
        return
    near = difflib.get_close_matches(name, header, n=1, cutoff=0.5)
    near = near or [other for other in header if other.lower() == name.lower()]
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"there is no column {name!r}; {suggestion}columns: {_listed(header)}")


def _as_written(column: pd.Series) -> pd.Series:
    """Strings without blanks around them; words such as NA are names among names, and gaps among numbers."""
    if not pd.api.types.is_string_dtype(column):
        return column
    column = column.str.strip()
    gaps = column.isin(MISSING)
    numbers = pd.to_numeric(column[~gaps], errors="coerce")
    among_numbers = len(numbers) > 0 and numbers.notna().all()
    return column.mask(gaps if among_numbers else column == "")


def _expect_complete(frame: pd.DataFrame, lines: list[int]) -> None:
    missing = frame.isna()
    found = [
        f"{name!r} ({missing[name].sum()}, first in {_row(missing[name], lines)})"
        for name in frame
        if missing[name].any()
    ]
    if found:
        raise ValueError(f"values are missing in {_listed(found, quote=False)}")


def _expect_numeric(frame: pd.DataFrame, lines: list[int]) -> None:
    found = []
    for name in frame:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            words = pd.Series(pd.to_numeric(frame[name], errors="coerce")).isna()
            first = words if words.any() else ~words  # integers too large for 64 bits are no words
            found.append(f"{name!r} ({frame[name][first].iloc[0]!r} in {_row(first, lines)})")
    if found:
        raise ValueError(f"only numeric columns can be used; leave out {_listed(found, quote=False)}")


def _expect_finite(frame: pd.DataFrame, lines: list[int]) -> None:
    for name in frame.select_dtypes("number"):
        infinite = frame[name].abs() == np.inf
        if infinite.any():
            raise ValueError(f"column {name!r} is infinite in {_row(infinite, lines)}")


def _decide(column: pd.Series, task: Task | None) -> tuple[Task, str]:
    numeric = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
    distinct = column.nunique()
    if task is not None:
        if task == "regression" and not numeric:
            raise ValueError(f"regression needs a numeric target, got {column.iloc[0]!r} in {column.name!r}")
        return task, "as asked for"
    if pd.api.types.is_bool_dtype(column):
        return "classification", f"{column.name!r} is true or false"
    if not numeric:
        return "classification", f"{column.name!r} has {distinct} distinct strings"
    if (column % 1 == 0).all():
        if distinct <= max(2, min(MOST_INTEGER_CLASSES, len(column) // ROWS_PER_INTEGER_CLASS)):
            return "classification", f"{column.name!r} has only {distinct} distinct integers"
        return "regression", f"{column.name!r} has {distinct} distinct integers"
    return "regression", f"{column.name!r} has fractional numbers"


def _classes(column: pd.Series, lines: list[int]) -> tuple[torch.Tensor, list[str]]:
    codes, values = pd.factorize(column, sort=True)
    if pd.api.types.is_float_dtype(column) and (values % 1 == 0).all():
        values = values.astype(np.int64)
    names = [str(value) for value in values]
    if len(names) == 1:
        raise ValueError(f"expected two classes or more in the target {column.name!r}, got only {names[0]!r}")
    single = np.flatnonzero(np.bincount(codes) == 1)
    if len(single):
        place = _row(pd.Series(codes == single[0]), lines)
        more = f" (and {len(single) - 1} other classes have one row)" if len(single) > 1 else ""
        raise ValueError(
            f"expected at least two rows of each class of {column.name!r}, got one of {names[single[0]]!r} "
            f"in {place}{more}"
        )
    return torch.from_numpy(codes.astype(np.int64)), names


def _values(column: pd.Series) -> tuple[torch.Tensor, list[str]]:
    if column.nunique() == 1:
        raise ValueError(f"expected the target {column.name!r} to vary, got {column.iloc[0]} in every row")
    largest = column.abs().max()
    if not SMALLEST_TARGET <= largest <= LARGEST_TARGET:
        raise ValueError(
            f"expected the target {column.name!r} in other units: its largest absolute value {largest:.3g} "
            f"is not between {SMALLEST_TARGET:g} and {LARGEST_TARGET:g}, so that squares can be computed"
        )
    return torch.from_numpy(column.to_numpy(np.float64).reshape(-1, 1).copy()), []


def _row(where: pd.Series, lines: list[int]) -> str:
    first = int(where.to_numpy().argmax())
    return f"row {first + 1}, line {lines[first]}"


def _listed(names: Iterable[str], most: int = 20, quote: bool = True) -> str:
    shown = [repr(name) if quote else name for name in names]
    rest = [f"and {len(shown) - most} more"] if len(shown) > most else []
    return ", ".join(shown[:most] + rest)
