"""The source of a table: a file, or standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

from plaingrad.errors import InputError, error_fields
from plaingrad.tables.errors import BinaryFileError, EncodingError, FormatError, InfiniteNumberError
from plaingrad.tables.reading.signatures import BINARIES

STANDARD = Path("-")
INPUT = "standard input"
EMPTY = "mend it, or leave it empty for a missing value"
ENCODING = "--encoding names another, such as cp1252 or utf-16"
IGNORE = "mend it, or leave the column out with --ignore"
INFINITE = ", or take such numbers for missing ones with --infinite-as-missing"


@contextmanager
def located(path: Path, format: str | None) -> Iterator[Path]:
    """The file to read; for "-" or a pipe, one that holds what comes by it, in CSV if no format is given.

    An error in the block gets the table that it is about, and the option that helps.

    Raises:
        InputError: from the block, with the path or "standard input" as its file.
    """
    if path != STANDARD and not is_stream(path):
        with named(path), _optioned(path):
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="plaingrad-") as folder:
        file = Path(folder, f"input.{format or 'csv'}")
        with file.open("wb") as stream, _opened(path) as source:
            shutil.copyfileobj(source, stream)
        with named(path), _optioned(file):
            yield file


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == STANDARD else path.open("rb")


def is_stream(path: Path) -> bool:
    """True for a pipe, a terminal or the like, such as a shell's ``<(zcat t.csv.gz)``."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _optioned(file: Path) -> Iterator[None]:
    """Give errors about the format or the encoding of a file the option that helps."""
    try:
        yield
    except EncodingError as error:
        error.hint = ENCODING
        raise
    except FormatError as error:
        lines = " (for JSON lines, jsonl)" if file.suffix.lower() == ".json" else ""
        error.hint = f"--format tells the format whatever the suffix{lines}"
        raise
    except BinaryFileError as error:
        if not file.is_file():  # of a table in several files
            raise
        with file.open("rb") as stream:
            start = stream.read(6)
        for begin, (kind, remedy) in BINARIES.items():
            if start.startswith(begin):
                error.hint = f"it looks like {kind}: {remedy}"
        raise


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Give errors in the block the table that they are about, by the name that the user has for it."""
    try:
        yield
    except InputError as error:
        error.file = INPUT if path == STANDARD else path
        raise


@contextmanager
def repeated(option: str, names: Sequence[str], columns: Sequence[str]) -> Iterator[None]:
    """Give an error about an option's columns, one of which names several, the hint that it is repeated."""
    joined = [name for name in names if name not in columns and "," in name]
    parts = {part.strip() for name in joined[:1] for part in name.split(",")}
    hint = f"{option} names one column and may be repeated" if parts & set(columns) else None
    with error_fields(hint=hint):
        yield


@contextmanager
def mendable(hint: str) -> Iterator[None]:
    """Give errors about the value in some row the hint that helps."""
    try:
        yield
    except InputError as error:
        if error.row is not None:
            error.hint = (
                hint + INFINITE if hint == IGNORE and isinstance(error, InfiniteNumberError) else hint
            )
        raise
