"""Parquet and Arrow's own files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet

from plaingrad.tables.errors import expect_column, expect_names
from plaingrad.tables.reading.compression import COMPRESSIONS, opened

ARROW_FILE = b"ARROW1"
INDEX = re.compile(r"__index_level_\d+__")  # as pandas writes what it reads as numbers of rows, not as data


def read_parquet(path: Path, columns: list[str] | None) -> pa.Table:
    """A Parquet file."""
    with seekable(path) as source:
        file = pyarrow.parquet.ParquetFile(source)
        _expect(columns, file.schema_arrow.names)
        return file.read(columns=columns or of_data(file.schema_arrow.names))


def of_data(names: Iterable[str]) -> list[str]:
    """The names of columns without those of an index of pandas that has no name."""
    return [name for name in names if not INDEX.fullmatch(name)]


def read_arrow(path: Path, columns: list[str] | None) -> pa.Table:
    """Arrow's IPC format, of which Feather is a name, as a file or as a stream."""
    with seekable(path) as source:
        reader = pyarrow.ipc.open_file(source) if is_arrow_file(source) else pyarrow.ipc.open_stream(source)
        _expect(columns, reader.schema.names)
        return reader.read_all().select(columns or of_data(reader.schema.names))


def _expect(columns: list[str] | None, names: list[str]) -> None:
    expect_names(names)
    for name in columns or ():
        expect_column(name, names)


def is_arrow_file(source: pa.NativeFile) -> bool:
    """True for a file, False for a stream, in either case at its beginning."""
    is_file = bool(source.read(len(ARROW_FILE)) == ARROW_FILE)
    source.seek(0)
    return is_file


def seekable(path: Path) -> pa.NativeFile:
    """The file itself, or what was compressed in memory: these formats are not read from front to back."""
    if path.suffix.lower() not in COMPRESSIONS:
        return pa.OSFile(str(path))
    with opened(path) as stream:
        return pa.BufferReader(stream.read())
