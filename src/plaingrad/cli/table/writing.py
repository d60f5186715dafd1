"""Tables on their way out, in the formats that are read as well."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet

from plaingrad.cli.places import Files, expect_other, expect_place, placed
from plaingrad.cli.table.source import STANDARD, is_stream
from plaingrad.tables.reading.reading import SUFFIXES

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
OPTION = "--output-format tells the format whatever the suffix"
ROWS_AT_ONCE = 100_000


def expect_writable(path: Path, format: str | None, reads: Files) -> None:
    """Say before any work is done what could not be written.

    Args:
        path: the file.
        format: whatever its suffix.
        reads: files that it must not replace, by the options that name them.

    Raises:
        ValueError: the suffix names no format, or the file is one of those that are read.
        OSError: the path is a folder, or its folder cannot be made or written to.
    """
    if path == STANDARD:
        return
    _format(path, format)
    if is_stream(path):
        expect_other(path, "--output", reads)
    else:
        expect_place(path, "--output", reads)


def write_frame(frame: pd.DataFrame, path: Path, format: str | None = None) -> None:
    """Write a table; the file is either whole or not there.

    Args:
        frame: the table; its index is not written.
        path: the file, whose suffix tells the format and the compression; "-" is standard output, in CSV.
        format: "csv", "tsv", "parquet", "arrow", "jsonl" or "npz", whatever the suffix.
    """
    if path == STANDARD:
        _WRITERS[format or "csv"](frame, sys.stdout.buffer)
        sys.stdout.buffer.flush()
        return
    compression = COMPRESSIONS.get(path.suffix.lower())
    with (
        nullcontext(path) if is_stream(path) else placed(path) as place,
        pa.output_stream(str(place), compression=compression) as stream,
    ):
        _WRITERS[_format(path, format)](frame, stream)


def standard(path: Path) -> Path:
    """The path of an output, by "-" where it is one of the other names of standard output."""
    return STANDARD if str(path) in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1") else path


def _format(path: Path, format: str | None) -> str:
    if format is None and not path.suffix and is_stream(path):
        return "csv"
    name = PurePath(path.name)
    suffix = PurePath(name.stem).suffix if name.suffix.lower() in COMPRESSIONS else name.suffix
    if format is None and suffix.lower() not in SUFFIXES:
        after = f"perhaps with one of {' '.join(COMPRESSIONS)} after it"
        got = repr(suffix) if suffix else "none"
        raise ValueError(f"{path}: expected a suffix of {' '.join(SUFFIXES)}, {after}, got {got}; {OPTION}")
    return format or SUFFIXES[suffix.lower()]


def _separated(separator: str) -> Callable[[pd.DataFrame, BinaryIO], None]:
    def write(frame: pd.DataFrame, stream: BinaryIO) -> None:
        for start in range(0, max(1, len(frame)), ROWS_AT_ONCE):
            part = frame.iloc[start : start + ROWS_AT_ONCE]
            stream.write(
                part.to_csv(index=False, header=start == 0, sep=separator, lineterminator="\n").encode()
            )

    return write


def _json_lines(frame: pd.DataFrame, stream: BinaryIO) -> None:
    for start in range(0, len(frame), ROWS_AT_ONCE):
        part = frame.iloc[start : start + ROWS_AT_ONCE]
        stream.write(
            part.to_json(orient="records", lines=True, double_precision=15, force_ascii=False).encode()
        )


def _arrays(frame: pd.DataFrame, stream: BinaryIO) -> None:
    arrays: dict[str, Any] = {}
    for name in frame.columns:
        array = frame[name].to_numpy()
        arrays[name] = array.astype(str) if array.dtype == object else array
    whole = io.BytesIO()  # a zip archive is not written from front to back
    np.savez(whole, **arrays)
    stream.write(whole.getbuffer())


def _parquet(frame: pd.DataFrame, stream: BinaryIO) -> None:
    pyarrow.parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), stream)


def _arrow(frame: pd.DataFrame, stream: BinaryIO) -> None:
    pyarrow.feather.write_feather(pa.Table.from_pandas(frame, preserve_index=False), stream)


_WRITERS: dict[str, Callable[[pd.DataFrame, BinaryIO], None]] = {
    "csv": _separated(","),
    "tsv": _separated("\t"),
    "jsonl": _json_lines,
    "npz": _arrays,
    "parquet": _parquet,
    "arrow": _arrow,
}
