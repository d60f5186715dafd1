"""CSV and its kin: every field read as text first, so that all rows are seen before a type is found."""

from __future__ import annotations

import io
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.csv

from plaingrad.errors import InputError
from plaingrad.tables.errors import expect_column
from plaingrad.tables.reading.dialect import Dialect
from plaingrad.tables.reading.header import column_names

BLOCK, STREAMED = 1 << 23, 1 << 21  # bytes read at once
LONGEST_WAIT = 60  # seconds for Arrow's thread to read a block


def read_separated(
    path: Path,
    encoding: str,
    separator: str | None,
    header: bool | None,
    columns: list[str] | None,
    empty: bool = False,
) -> pa.Table:
    """A table of text.

    Args:
        path: the file.
        encoding: in which it was written.
        separator: what stands between two fields; None: what the file says.
        header: whether the first line names the columns; None: it does, unless it looks like data.
        columns: the columns to read.
        empty: whether there may be a header alone.
    """
    with _opened(path, encoding, separator, header) as rows:
        for name in columns or ():
            expect_column(name, rows.names)
        text = None
        with rows.explained():
            text = pyarrow.csv.read_csv(*rows.source, *rows.options(columns, BLOCK))
        return text if text is not None and len(text) else _without_rows(columns or rows.names, empty)


def stream_separated(
    path: Path, encoding: str, separator: str | None, header: bool | None
) -> Iterator[pa.RecordBatch]:
    """The rows of a table of text, some at a time, of which none need be there; arguments as above."""
    with _opened(path, encoding, separator, header) as rows, rows.explained():
        reader = pyarrow.csv.open_csv(*rows.source, *rows.options(None, STREAMED))
        try:
            yield from reader
        finally:
            reader.close()
            del reader  # which holds the stream


def names_of_separated(path: Path, encoding: str, separator: str | None, header: bool | None) -> list[str]:
    """The names of the columns of such a table."""
    with _opened(path, encoding, separator, header) as rows:
        return rows.names


@contextmanager
def _opened(path: Path, encoding: str, separator: str | None, header: bool | None) -> Iterator[_Rows]:
    dialect = Dialect.of(path, encoding, separator)
    with dialect.opened() as stream:
        _, first = next(dialect.records(stream), (1, []))
        names = column_names(first, dialect.separator, header)
        if header is not False:
            yield _Rows(stream, dialect, names, above=1)
            return
    with dialect.opened() as stream:
        if dialect.names_itself:
            stream.readline()
        yield _Rows(stream, dialect, names, above=0)


@dataclass
class _Rows:
    """The rows from here on of a stream, before which stand so many records."""

    stream: BinaryIO
    dialect: Dialect
    names: list[str]
    above: int

    def __post_init__(self) -> None:
        self.seen, self.released = _Seen(), threading.Event()

    @property
    def source(self) -> tuple[_Watched]:
        """The stream, as nobody else may hold it while Arrow reads it."""
        return (_Watched(self.stream, self.seen, self.released),)

    def options(self, columns: list[str] | None, block: int) -> tuple[Any, ...]:
        """Arrow's options to read these columns, or all, as text, so many bytes at once."""
        return (
            pyarrow.csv.ReadOptions(column_names=self.names, block_size=block),
            pyarrow.csv.ParseOptions(delimiter=self.dialect.separator, newlines_in_values=True),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()), include_columns=columns or self.names
            ),
        )

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Give errors of Arrow the line that is at fault; a table without rows is none."""
        seen, dialect = self.seen, self.dialect
        try:
            yield
        except pa.ArrowInvalid:
            if seen.error is not None:
                raise seen.error from None
            _expect_no_nul(seen, dialect)
            if _find_fault(dialect, len(self.names)) == self.above:
                return
            raise
        finally:
            # A thread of Arrow's that reads ahead still holds the stream after an error; at the interpreter's
            # exit it would abort the process.
            seen.enough = True
            self.released.wait(LONGEST_WAIT)
        if seen.error is not None:
            raise seen.error
        _expect_no_nul(seen, dialect)
        if seen.quotes % 2:  # perhaps one that nobody closed, which has swallowed all lines after it
            _find_fault(dialect, len(self.names))


def _without_rows(names: list[str], allowed: bool) -> pa.Table:
    if not allowed:
        raise InputError("the file has a header but no rows")
    return pa.table({name: pa.array([], pa.string()) for name in names})


@dataclass
class _Seen:
    """Observations of a stream that was read.

    Attributes:
        quotes: how many quotation marks there were.
        has_nul: whether there was a NUL byte.
        enough: whether no more of it need be read.
        error: what reading it raised, for instance of a file that is cut off.
    """

    quotes: int = 0
    has_nul: bool = False
    enough: bool = False
    error: Exception | None = None


class _Watched(io.RawIOBase):
    """A stream that notes what is read from it, and sets an event when nobody holds it any more."""

    def __init__(self, stream: BinaryIO, seen: _Seen, released: threading.Event) -> None:
        self.stream, self.seen = stream, seen
        weakref.finalize(self, released.set)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self.seen.enough:
            return b""
        try:
            data = self.stream.read(size)
        except Exception as error:  # handed on later, for its traceback would hold the stream
            self.seen.error = error.with_traceback(None)
            return b""
        self.seen.quotes += data.count(b'"')
        self.seen.has_nul = self.seen.has_nul or b"\0" in data
        return data


def _expect_no_nul(seen: _Seen, dialect: Dialect) -> None:
    if seen.has_nul:
        with dialect.opened() as stream:
            line = next(i for i, each in enumerate(stream, 1) if b"\0" in each)
        raise InputError("expected text, got a NUL byte", line=line)


def _find_fault(dialect: Dialect, fields: int) -> int:
    """Name the line that could not be read; if there is none, return the number of records."""
    count = 0
    with dialect.opened() as stream:
        for line, record in dialect.records(stream):
            if len(record) != fields:
                raise InputError(f"expected {fields} fields as the header, got {len(record)}", line=line)
            count += 1
    return count
