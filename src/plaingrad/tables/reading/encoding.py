"""Text files as UTF-8, whatever encoding they were written in."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa

from plaingrad.errors import InputError
from plaingrad.tables.errors import BinaryFileError, EncodingError
from plaingrad.tables.reading.compression import opened
from plaingrad.tables.reading.signatures import BINARIES

UTF_8 = "utf-8"
BLOCK = 1 << 20
CONTROLS = {*range(1, 32)} - set(b"\t\n\v\f\r\x1b")  # which no text has


def canonical(encoding: str) -> str | None:
    """The name that Python has for an encoding of text; None if it knows none of this name."""
    try:
        "".encode(encoding)
        codecs.getincrementaldecoder(encoding)
    except (LookupError, ValueError):
        return None
    return codecs.lookup(encoding).name


def expect_text(start: bytes, encoding: str) -> None:
    """Refuse a file that is no text in this encoding, of which these are the first bytes, in UTF-8.

    Raises:
        EncodingError: it is UTF-16.
        BinaryFileError: it is no text at all.
        InputError: it is text with a NUL byte, told with its line.
    """
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise EncodingError(f"expected text in {encoding}, got utf-16")
    first = start.find(b"\0")
    if first < 0:
        return
    for offset, name in enumerate(("utf-16-be", "utf-16-le")):
        if (
            start[offset::2].count(b"\0") > 0.9 * len(start[offset::2])
            and b"\0" not in start[1 - offset :: 2]
        ):
            raise EncodingError(f"expected text in {encoding}, got {name} without a byte order mark")
    if CONTROLS & set(start) or start.startswith(tuple(BINARIES)):
        raise BinaryFileError(f"expected text in {encoding}, got a binary file")
    raise InputError("expected text, got a NUL byte", line=start.count(b"\n", 0, first) + 1)


@contextmanager
def opened_text(path: Path, encoding: str) -> Iterator[BinaryIO]:
    """The bytes of a text file in UTF-8, of which never more than a block is held.

    Args:
        path: the file, perhaps compressed.
        encoding: in which it was written; UTF-8 is passed on as it is, for whoever reads it to check.

    Raises:
        InputError: a byte is not of the encoding; told with its line.
    """
    try:
        with opened(path) as stream:
            if canonical(encoding) == UTF_8:
                yield stream
            else:
                file = pa.PythonFile(stream, "r")
                yield io.BufferedReader(pa.transcoding_input_stream(file, encoding, UTF_8))
    except UnicodeDecodeError:
        _find_fault(path, encoding)
        raise


def _find_fault(path: Path, encoding: str) -> None:
    """Name the first byte that is not of the encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, data = 1, b"-"
    with opened(path) as stream:
        while data:
            data, state = stream.read(BLOCK), decoder.getstate()
            try:
                line += decoder.decode(data, final=not data).count("\n")
            except UnicodeDecodeError as error:
                decoder.setstate(state)
                line += _lines_before_fault(decoder, data)
                byte = error.object[error.start]
                problem = f"expected text in {encoding}, got the byte {byte:#04x}"
                raise EncodingError(problem, line=line) from None


def _lines_before_fault(decoder: codecs.IncrementalDecoder, data: bytes) -> int:
    lines = 0
    try:
        for byte in data:
            lines += decoder.decode(bytes([byte])).count("\n")
    except UnicodeDecodeError:
        pass
    return lines
