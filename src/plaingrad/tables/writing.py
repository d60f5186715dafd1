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

from plaingrad.files import replacing
from plaingrad.tables.errors import FormatError
from plaingrad.tables.reading.reading import SUFFIXES
from plaingrad.tables.reading.source import STANDARD, is_stream

COMPRESSIONS = {".gz": "gzip", ".bz2": "bz2", ".zst": "zstd"}
ROWS_AT_ONCE = 100_000


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
        nullcontext(path) if is_stream(path) else replacing(path, parents=True) as target,
        pa.output_stream(str(target), compression=compression) as stream,
    ):
        _WRITERS[format_of(path, format)](frame, stream)


def six_digits(values: pd.Series) -> pd.Series:
    """Fractional numbers as their nearest ones of six significant digits; anything else as it is.

    That is what float32 is good for: in the seventh digit, a row alone may differ from one among others.
    """
    if not pd.api.types.is_float_dtype(values.dtype):
        return values
    return values.map("{:.6g}".format).astype(np.float64)


def format_of(path: Path, format: str | None = None) -> str:
    """The format of a file to write, by its suffix if it is not named.

    Raises:
        FormatError: the suffix names no format.
    """
    if format is None and not path.suffix and is_stream(path):
        return "csv"
    name = PurePath(path.name)
    suffix = PurePath(name.stem).suffix if name.suffix.lower() in COMPRESSIONS else name.suffix
    if format is None and suffix.lower() not in SUFFIXES:
        after = f"perhaps with one of {' '.join(COMPRESSIONS)} after it"
        got = repr(suffix) if suffix else "none"
        expected = f"expected a suffix of {' '.join(SUFFIXES)}, {after}"
        raise FormatError(f"{expected}, got {got}", file=path)
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
