"""Where a table comes from: a file, or standard input."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

STANDARD = Path("-")
INPUT = "standard input"


@contextmanager
def located(path: Path, format: str | None) -> Iterator[Path]:
    """The file to read; for "-", one that holds what comes by standard input, in CSV if no format is given.

    An error in the block tells the table that it is about.

    Raises:
        ValueError: what the block found, with the path or "standard input" before it.
    """
    if path != STANDARD:
        with _named(path, str(path)):
            yield path
        return
    with tempfile.TemporaryDirectory(prefix="plaingrad-") as folder:
        file = Path(folder, f"input.{format or 'csv'}")
        with file.open("wb") as stream:
            shutil.copyfileobj(sys.stdin.buffer, stream)
        with _named(file, INPUT):
            yield file


@contextmanager
def _named(file: Path, name: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        text = str(error).replace(str(file), name)
        raise ValueError(text if text.startswith(name) else f"{name}: {text}") from None
