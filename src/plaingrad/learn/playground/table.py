"""Data of one's own: a table from the text of a CSV file, for the page."""

from __future__ import annotations

import csv
import io
import math
from typing import Any

from plaingrad.errors import InputError
from plaingrad.learn.playground.choices import MOST_CLASSES, MOST_COLUMNS, MOST_ROWS

MOST_CHARACTERS = 4_000_000


def read_table(text: Any, target: Any = None) -> tuple[dict[str, Any], str]:
    """A table of numbers and a target, as `State.table` has it, and words on what was left out of it.

    Columns in which every cell is a number are inputs; others are left out. The target is a class where it
    has texts or at most eight different integers, else a number. Rows with an empty cell in these columns are
    left out.

    Args:
        text: of the file, with a header; commas, semicolons or tabs between the cells.
        target: the name of the column to predict; the last one if None.

    Returns:
        The table; the words, empty where nothing was left out.

    Raises:
        InputError: it is no such file, or too large.
    """
    if not isinstance(text, str) or not text.strip():
        raise InputError("csv: expected the text of a CSV file, got nothing")
    if len(text) > MOST_CHARACTERS:
        raise InputError(f"csv: expected at most {MOST_CHARACTERS:,} characters, got {len(text):,}")
    header, rows, incomplete = _parse(text)
    index = len(header) - 1 if target is None else _index(header, target)
    inputs = [k for k in range(len(header)) if k != index and all(_is_number(row[k]) for row in rows)]
    if not inputs:
        raise InputError("csv: expected at least one column of numbers besides the target")
    labels, classes = _labels(header[index], [row[index] for row in rows])
    kept = [[*(float(row[k]) for k in inputs), label] for row, label in zip(rows, labels)]
    table = {
        "names": [header[k] for k in inputs],
        "rows": kept,
        "target": header[index],
        "classes": classes,
    }
    others = [name for k, name in enumerate(header) if k not in inputs and k != index]
    return table, _left_out(len(rows), incomplete, others)


def _left_out(rows: int, incomplete: int, columns: list[str]) -> str:
    """Words on the rows and columns that a table does not have."""
    parts = []
    if incomplete:
        parts.append(f"{incomplete:,} row{'s' if incomplete > 1 else ''} with an empty cell")
    if columns:
        names = ", ".join(columns)[:200]
        parts.append(
            f"the column{'s' if len(columns) > 1 else ''} {names}, in which not every cell is a number"
        )
    return f"Data of {rows:,} rows. Left out: {'; '.join(parts)}." if parts else ""


def _parse(text: str) -> tuple[list[str], list[list[str]], int]:
    """The names of the columns, the rows without an empty cell, and the number of the others."""
    try:
        dialect: Any = csv.Sniffer().sniff(text[:4096], ",;\t")
    except csv.Error:
        dialect = "excel"
    try:
        lines = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text), dialect)]
    except csv.Error as error:
        raise InputError(f"csv: expected rows of cells, got a file that cannot be read: {error}") from None
    header, *rows = [row for row in lines if any(row)] or [[]]
    if not rows or all(_is_number(name) for name in header):
        raise InputError("csv: expected a line with the names of the columns, then rows")
    if len(header) > MOST_COLUMNS or len(rows) > MOST_ROWS:
        limits = f"{MOST_ROWS:,} rows and {MOST_COLUMNS} columns"
        raise InputError(f"csv: expected at most {limits}, got {len(rows):,} and {len(header)}")
    if len(set(header)) < len(header) or "" in header:
        raise InputError("csv: expected each column to have a name of its own")
    for number, row in enumerate(rows, 2):
        if len(row) != len(header):
            raise InputError(f"csv: expected {len(header)} cells in each row, got {len(row)} in row {number}")
    whole = [row for row in rows if all(row)]
    if len(whole) < 2:
        raise InputError("csv: expected at least two rows without an empty cell")
    return header, whole, len(rows) - len(whole)


def _index(header: list[str], target: Any) -> int:
    if target not in header:
        raise InputError(f"csv: expected the target from {', '.join(header)[:200]}, got {target!r:.40}")
    return header.index(target)


def _is_number(cell: str) -> bool:
    try:
        return math.isfinite(float(cell)) and abs(float(cell)) <= 1e30
    except ValueError:
        return False


def _labels(name: str, cells: list[str]) -> tuple[list[float], list[str]]:
    """The target as numbers, and the names of its classes, if it has any."""
    levels = sorted(
        set(cells), key=lambda cell: (not _is_number(cell), _is_number(cell) and float(cell), cell)
    )
    numeric = all(map(_is_number, levels))
    if numeric and (len(levels) > MOST_CLASSES or not all(float(level).is_integer() for level in levels)):
        return [float(cell) for cell in cells], []
    if not 2 <= len(levels) <= MOST_CLASSES:
        raise InputError(f"csv: expected 2 to {MOST_CLASSES} classes in {name!r:.40}, got {len(levels)}")
    return [float(levels.index(cell)) for cell in cells], levels
