"""Where a table comes from: a file, or standard input."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

STANDARD = Path("-")
INPUT = "standard input"
IN_A_ROW = r" in row \d+$"
UNREADABLE = r" got (the byte \w+ in line \d+|utf-16)$"
DECOMPRESS = "decompress it first, or name it by a file with that suffix"
# How files that are no text begin, what they are, and what helps.
BINARIES = {
    b"PAR1": ("Parquet", "--format parquet"),
    b"ARROW1": ("Arrow", "--format arrow"),
    b"PK\x03\x04": ("an .npz archive or a zip file", "--format npz, or unpack it first"),
    b"\x1f\x8b": ("gzip (.gz)", DECOMPRESS),
    b"BZh": ("bzip2 (.bz2)", DECOMPRESS),
    b"\xfd7zXZ": ("xz (.xz)", DECOMPRESS),
    b"\x28\xb5\x2f\xfd": ("zstandard (.zst)", DECOMPRESS),
}
EMPTY = "mend it, or leave it empty for a missing value"
ENCODING = "--encoding names another, such as cp1252 or utf-16"
IGNORE = "mend it, or leave the column out with --ignore"


@contextmanager
def located(path: Path, format: str | None) -> Iterator[Path]:
    """The file to read; for "-" or a pipe, one that holds what comes by it, in CSV if no format is given.

    An error in the block tells the table that it is about, and which option helps.

    Raises:
        ValueError: what the block found, with the path or "standard input" before it.
    """
    if path != STANDARD and not is_stream(path):
        with named(path), _optioned(path):
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="plaingrad-") as folder:
        file = Path(folder, f"input.{format or 'csv'}")
        with file.open("wb") as stream, _opened(path) as source:
            shutil.copyfileobj(source, stream)
        with named(path, file), _optioned(file):
            yield file


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if path == STANDARD else path.open("rb")


def is_stream(path: Path) -> bool:
    """Whether a path is a pipe, a terminal or the like, such as a shell's ``<(zcat t.csv.gz)``."""
    return path.exists() and not path.is_file() and not path.is_dir()


@contextmanager
def _optioned(file: Path) -> Iterator[None]:
    """Let errors about the format or the encoding of a file tell which option helps."""
    with mendable(ENCODING, UNREADABLE):
        try:
            yield
        except ValueError as error:
            raise ValueError(f"{error}{_remedy(file, str(error))}") from None


def _remedy(file: Path, problem: str) -> str:
    if "expected a suffix of" in problem:
        lines = " (for JSON lines, jsonl)" if file.suffix.lower() == ".json" else ""
        return f"; --format tells the format whatever the suffix{lines}"
    if problem.endswith("got a binary file"):
        with file.open("rb") as stream:
            start = stream.read(6)
        for begin, (kind, remedy) in BINARIES.items():
            if start.startswith(begin):
                return f", which looks like {kind}: {remedy}"
    return ""


@contextmanager
def named(path: Path, file: Path | None = None) -> Iterator[None]:
    """Let errors in the block tell the table that they are about.

    Args:
        path: what the user has named.
        file: what stands in its place.
    """
    name = INPUT if path == STANDARD else str(path)
    try:
        yield
    except ValueError as error:
        text = str(error).replace(str(file or path), name)
        raise ValueError(text if text.startswith(name) else f"{name}: {text}") from None


@contextmanager
def repeated(option: str, given: Sequence[str], columns: Sequence[str]) -> Iterator[None]:
    """Let an error about columns of an option tell, if one names several at once, that it is repeated."""
    try:
        yield
    except ValueError as error:
        joined = [name for name in given if name not in columns and "," in name]
        parts = [part.strip() for name in joined[:1] for part in name.split(",")]
        told = f"; {option} names one column and may be repeated" if set(parts) & set(columns) else ""
        raise ValueError(f"{error}{told}") from None


@contextmanager
def mendable(remedy: str, fault: str = IN_A_ROW) -> Iterator[None]:
    """Let errors of this kind, by default about a value in some row, tell what helps."""
    try:
        yield
    except ValueError as error:
        told = f"; {remedy}" if re.search(fault, str(error)) else ""
        raise ValueError(f"{error}{told}") from None
