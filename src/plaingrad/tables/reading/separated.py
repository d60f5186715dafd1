"""CSV and its kin: every field read as text first, so that all rows are seen before a type is found."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.csv

from plaingrad.errors import InputError
from plaingrad.tables.errors import BinaryFileError, EncodingError, expect_column, expect_names
from plaingrad.tables.reading.encoding import opened_text

SEPARATORS = ",;\t|"
BLOCK = 1 << 23


def read_separated(
    path: Path, encoding: str, separator: str | None, columns: list[str] | None, empty: bool = False
) -> pa.Table:
    """A table of which the first line names the columns.

    Args:
        path: the file.
        encoding: in which it was written.
        separator: what stands between two fields; None: whichever of , ; tab | the header has most of.
        columns: the columns to read.
        empty: whether there may be a header alone.
    """
    with opened_text(path, encoding) as stream:
        start = stream.read(4096)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        raise EncodingError("expected text in utf-8, got utf-16")
    if b"\0" in start:
        raise BinaryFileError(f"expected text in {encoding}, got a binary file")
    separator = separator or _separator(start)
    with opened_text(path, encoding) as stream:
        names = _header(stream, separator)
        quotes = _CountingQuotes(stream)
        for name in columns or ():
            expect_column(name, names)
        try:
            text = pyarrow.csv.read_csv(
                quotes,
                pyarrow.csv.ReadOptions(column_names=names, block_size=BLOCK),
                pyarrow.csv.ParseOptions(delimiter=separator, newlines_in_values=True),
                pyarrow.csv.ConvertOptions(
                    column_types=dict.fromkeys(names, pa.string()), include_columns=columns or names
                ),
            )
        except pa.ArrowInvalid:
            if not _find_fault(path, encoding, separator, len(names)):
                return _without_rows(columns or names, empty)
            raise
    if not len(text):
        return _without_rows(text.column_names, empty)
    if quotes.count % 2:  # perhaps one that nobody closed, which has swallowed all lines after it
        _find_fault(path, encoding, separator, len(names))
    return text


def _without_rows(names: list[str], allowed: bool) -> pa.Table:
    if not allowed:
        raise InputError("the file has a header but no rows")
    return pa.table({name: pa.array([], pa.string()) for name in names})


class _CountingQuotes(io.RawIOBase):
    """A stream that counts the quotation marks that are read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.count = stream, 0

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        data = self.stream.read(size)
        self.count += data.count(b'"')
        return data


def _separator(start: bytes) -> str:
    header = next((line for line in start.decode("utf-8-sig", "replace").splitlines() if line.strip()), "")
    outside_quotes = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=outside_quotes.count)


def _records(stream: BinaryIO, separator: str) -> Iterator[tuple[int, list[str]]]:
    """The records that are not empty, and the line on which each begins."""
    lines = (line.decode("utf-8-sig" if i == 0 else "utf-8") for i, line in enumerate(stream))
    records = csv.reader(lines, delimiter=separator, strict=True)
    line = 1
    try:
        for fields in records:
            if fields:
                yield line, fields
            line = records.line_num + 1
    except csv.Error as error:
        raise InputError(str(error), line=line) from None


def _header(stream: BinaryIO, separator: str) -> list[str]:
    """The names of the columns; the stream stands at the first row then."""
    _, fields = next(_records(stream, separator), (1, []))
    names = [name.strip() for name in fields]
    if not any(names):
        raise InputError("the file is empty")
    names = [name or f"Unnamed: {i}" for i, name in enumerate(names)]  # as pandas calls them
    others = [other for other in SEPARATORS if len(names) == 1 and other in names[0] and other != separator]
    if others:
        raise InputError(f"the header has no {separator!r}, but {others[0]!r}: is that the separator?")
    expect_names(names)
    return names


def _find_fault(path: Path, encoding: str, separator: str, fields: int) -> int:
    """Name the line that could not be read; if there is none, return the number of rows."""
    rows = -1  # without the header
    with opened_text(path, encoding) as stream:
        for line, record in _records(stream, separator):
            if len(record) != fields:
                raise InputError(f"expected {fields} fields as the header, got {len(record)}", line=line)
            rows += 1
    return rows
