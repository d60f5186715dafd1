"""The dialect of a separated file, as its first bytes and the options tell it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from plaingrad.errors import InputError
from plaingrad.tables.reading.encoding import expect_text, opened_text

SEPARATORS = ",;\t|"
SEPARATOR_LINE = re.compile(rb'(?:\xef\xbb\xbf)?"?sep=([\x01-\x7f])"?\r?\n?')  # Excel's
FIRST_LOOK = 4096


@dataclass(frozen=True)
class Dialect:
    """A separated file and how it is written.

    Attributes:
        path: the file.
        encoding: in which it was written.
        separator: what stands between two fields.
        names_itself: whether a first line such as ``sep=;`` names the separator.
        carriage_returns: whether lines end with a carriage return alone.
    """

    path: Path
    encoding: str
    separator: str
    names_itself: bool
    carriage_returns: bool

    @classmethod
    def of(cls, path: Path, encoding: str, separator: str | None) -> Dialect:
        """Look at the first bytes of a file.

        Args:
            path: the file.
            encoding: in which it was written.
            separator: what stands between two fields; None: what the first line names, or whichever of
                , ; tab | the header has most of.

        Raises:
            InputError: it is no text in this encoding.
        """
        with opened_text(path, encoding) as stream:
            start = stream.read(FIRST_LOOK)
        expect_text(start, encoding)
        carriage_returns = b"\r" in start[:-1] and b"\n" not in start
        if carriage_returns:
            start = start.replace(b"\r", b"\n")
        named = SEPARATOR_LINE.fullmatch(start.partition(b"\n")[0])
        separator = separator or (named[1].decode() if named else _most_frequent(start))
        return cls(path, encoding, separator, bool(named), carriage_returns)

    @contextmanager
    def opened(self) -> Iterator[BinaryIO]:
        """The bytes of the file in UTF-8, with lines that end with a line feed."""
        with opened_text(self.path, self.encoding) as stream:
            yield io.BufferedReader(_LineFeeds(stream)) if self.carriage_returns else stream

    def records(self, stream: BinaryIO) -> Iterator[tuple[int, list[str]]]:
        """The records that are not empty, and the line on which each begins.

        Raises:
            InputError: quotation marks that do not close.
        """
        records = csv.reader(self._lines(stream), delimiter=self.separator, strict=True)
        line = 1
        try:
            for fields in records:
                if fields:
                    yield line, fields
                line = records.line_num + 1
        except csv.Error as error:
            raise InputError(str(error), line=line) from None

    def _lines(self, stream: BinaryIO) -> Iterator[str]:
        for i, line in enumerate(stream):
            is_first = i == 0
            text = line.decode("utf-8-sig" if is_first else "utf-8")
            yield "" if is_first and self.names_itself else text


def _most_frequent(start: bytes) -> str:
    text = start.decode("utf-8-sig", "replace")
    header = next((line for line in text.splitlines() if line.strip()), "")
    if header.count('"') % 2:  # a name of several lines
        header = "".join(text.split('"')[::2]).lstrip("\r\n").partition("\n")[0]
    outside_quotes = "".join(header.split('"')[::2])
    return max(SEPARATORS, key=outside_quotes.count)


class _LineFeeds(io.RawIOBase):
    """A stream with line feeds in place of carriage returns."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer)
        data = self.stream.read(len(view)).replace(b"\r", b"\n")
        view[: len(data)] = data
        return len(data)
