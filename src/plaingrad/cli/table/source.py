"""Where a table comes from: a file, or standard input."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD = Path("-")
INPUT = "standard input"
IN_A_ROW = r" in row \d+$"
UNREADABLE = r" got (the byte \w+ in line \d+|utf-16)$"
EMPTY = "mend it, or leave it empty for a missing value"
ENCODING = "--encoding names another, such as cp1252 or utf-16"
IGNORE = "mend it, or leave the column out with --ignore"


@contextmanager
def located(path: Path, format: str | None) -> Iterator[Path]:
    """The file to read; for "-", one that holds what comes by standard input, in CSV if no format is given.

    An error in the block tells the table that it is about.

    Raises:
        ValueError: what the block found, with the path or "standard input" before it.
    """
    if path != STANDARD:
        with named(path), mendable(ENCODING, UNREADABLE):
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="plaingrad-") as folder:
        file = Path(folder, f"input.{format or 'csv'}")
        with file.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        with named(path, file), mendable(ENCODING, UNREADABLE):
            yield file


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
def mendable(remedy: str, fault: str = IN_A_ROW) -> Iterator[None]:
    """Let errors of this kind, by default about a value in some row, tell what helps."""
    try:
        yield
    except ValueError as error:
        told = f"; {remedy}" if re.search(fault, str(error)) else ""
        raise ValueError(f"{error}{told}") from None
