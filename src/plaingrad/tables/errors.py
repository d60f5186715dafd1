"""What libraries say of a damaged file, as one line that names it."""

from __future__ import annotations

import csv
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path

import pyarrow as pa

DAMAGE = (
    *(EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, csv.Error, pa.ArrowException),
    *(NotImplementedError, RuntimeError),  # of zip archives: an unknown method, a password
    *(MemoryError, OverflowError),  # of absurd sizes
)
MOST_TOLD = 1000


@contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Let every error tell the file and what it was expected to be.

    Args:
        path: the file that is read.
        what: what it should hold, as in "a Parquet file".

    Raises:
        ValueError: the block found that the file cannot be used; the message is one line.
        OSError: the system does not let the file be read.
    """
    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not {what} in UTF-8 (byte {error.object[error.start]:#x})") from None
    except DAMAGE as error:
        raise ValueError(f"{path}: not {what}, or a damaged one: {_line(error)}") from None
    except OSError as error:
        if error.errno is not None and error.filename is not None:
            raise
        raise ValueError(f"{path}: not {what}, or a damaged one: {_line(error)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {_line(error)}") from None


def _line(error: BaseException) -> str:
    """An error's message in one line."""
    told = " ".join(str(error).split()) or type(error).__name__
    return told if len(told) <= MOST_TOLD else told[:MOST_TOLD] + "..."


def listed(names: Iterable[object], most: int = 20) -> str:
    """Names in quotes, the first of them if there are many."""
    shown = [repr(name) for name in names]
    rest = [f"and {len(shown) - most} more"] if len(shown) > most else []
    return ", ".join(shown[:most] + rest)


def expect_column(name: str, columns: list[str]) -> None:
    """Refuse a name that no column has, and suggest the nearest."""
    if name in columns:
        return
    near = get_close_matches(name, columns, n=1, cutoff=0.5)
    near = near or [other for other in columns if other.lower() == name.lower()]
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    raise ValueError(f"there is no column {name!r}; {suggestion}columns: {listed(columns)}")


def expect_columns(needed: Iterable[str], columns: list[str]) -> None:
    """Refuse a table that lacks some of the columns, of which up to five are told."""
    lacking = [name for name in needed if name not in columns]
    if len(lacking) == 1:
        expect_column(lacking[0], columns)
    if lacking:
        raise ValueError(f"there are no columns {listed(lacking, 5)}; columns: {listed(columns)}")


def expect_names(names: list[str]) -> None:
    """Refuse columns without a name, and names that stand twice."""
    for i, name in enumerate(names):
        if not name.strip():
            raise ValueError(f"column {i + 1} has no name (was the index of a table written along?)")
    seen: set[str] = set()
    twice = dict.fromkeys(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    if twice:
        raise ValueError(f"expected distinct column names, got {listed(twice)} more than once")
