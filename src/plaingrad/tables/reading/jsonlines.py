"""JSON lines: an object in each line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from plaingrad.errors import InputError
from plaingrad.tables.columns.column import text_of
from plaingrad.tables.errors import expect_column, expect_names
from plaingrad.tables.reading.encoding import expect_text, opened_text

BATCH = 50_000
EXACT = 2**53  # up to which a float64 holds every integer
FIRST_LOOK = 4096


def read_json_lines(path: Path, encoding: str, columns: list[str] | None) -> pa.Table:
    """The keys of all objects are the columns; a key that an object lacks is a missing value."""
    batches: list[dict[str, pa.Array]] = []
    with opened_text(path, encoding) as stream:
        expect_text(stream.read(FIRST_LOOK), encoding)
    with opened_text(path, encoding) as stream:
        rows = _rows(stream)
        while batch := list(islice(rows, BATCH)):
            keys = dict.fromkeys(key for _, row in batch for key in row)
            batches.append({key: _array(key, batch) for key in keys})
    if not batches:
        raise InputError("the file is empty")
    names = list(dict.fromkeys(name for arrays in batches for name in arrays))
    expect_names(names)
    for name in columns or ():
        expect_column(name, names)
    if not names:
        raise InputError("no object has a key")
    lengths = [len(next(iter(arrays.values()))) for arrays in batches]
    return pa.table({name: _joined(name, batches, lengths) for name in columns or names})


def _rows(stream: BinaryIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for i, line in enumerate(stream):
        text = line.decode("utf-8-sig" if i == 0 else "utf-8").strip()
        if not text:
            continue
        try:
            row = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            problem = f"expected a JSON object, got {text[:40]!r} ({error})"
            raise InputError(problem, line=i + 1) from None
        if not isinstance(row, dict):
            raise InputError(f"expected a JSON object, got {text[:40]!r}", line=i + 1)
        yield i + 1, row


def _array(key: str, rows: list[tuple[int, dict[str, Any]]]) -> pa.Array:
    values = []
    for line, row in rows:
        value = row.get(key)
        items = value if isinstance(value, list) else [value]
        if any(isinstance(item, dict | list) for item in items):
            kind = "an object" if isinstance(value, dict) else "a nested list"
            expected = "a number, text, truth value or a list of such"
            raise InputError(f"expected {expected} in {key!r}, got {kind}", line=line)
        values.append(json.dumps(value, ensure_ascii=False) if isinstance(value, list) else value)
    return _from_values(values, {type(value) for value in values} - {type(None)})


def _from_values(values: list[Any], kinds: set[type]) -> pa.Array:
    if not kinds:
        return pa.nulls(len(values))
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds <= {int, float}:
        if kinds == {int} and all(value is None or abs(value) < 2**63 for value in values):
            return pa.array(values, pa.int64())
        if not any(isinstance(value, int) and abs(value) > EXACT for value in values):
            return pa.array([None if value is None else _float(value) for value in values], pa.float64())
    return _text(values)


def _text(values: list[Any]) -> pa.Array:
    return pa.array([None if value is None else text_of(value) for value in values], pa.string())


def _float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return float("inf") if value > 0 else float("-inf")


def _joined(name: str, batches: list[dict[str, pa.Array]], lengths: list[int]) -> pa.ChunkedArray:
    """The column from all batches, in the plainest type that holds each of them."""
    arrays = [arrays.get(name, pa.nulls(length)) for arrays, length in zip(batches, lengths)]
    kinds = {array.type for array in arrays} - {pa.null()}
    if len(kinds) > 1 and kinds != {pa.int64(), pa.float64()}:
        return pa.chunked_array([_text(array.to_pylist()) for array in arrays])
    wider = next(iter(kinds)) if len(kinds) == 1 else pa.float64()
    return pa.chunked_array([array.cast(wider) for array in arrays])
