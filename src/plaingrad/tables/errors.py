"""Errors of damaged files: the messages of libraries, as one line that names the file."""

from __future__ import annotations

import csv
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from plaingrad.errors import InputError

DAMAGE = (
    *(EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, csv.Error),
    *(NotImplementedError, RuntimeError),  # of zip archives: an unknown method, a password
    *(MemoryError, OverflowError),  # of absurd sizes
)
LONGEST_MESSAGE = 1000
MOST_SHOWN = 40  # characters of a value


class FormatError(InputError):
    """A file whose name does not tell its format."""


class NoColumnError(InputError):
    """A table of which every column is left out.

    Attributes:
        choices: why each is, as `TableEncoder.choices` has it.
    """

    choices: Sequence[Any] = ()


class MisfitError(InputError):
    """A value that is not what its column holds.

    Args:
        row: the value's row, from 0.
        expected: what the column holds.
        got: the value.
    """

    row: int

    def __init__(self, row: int, expected: str, got: object) -> None:
        shown = repr(got)
        shown = shown if len(shown) <= MOST_SHOWN else shown[:MOST_SHOWN] + "..."
        super().__init__(f"expected {expected}, got {shown}", row=row)
        self.args = (row, expected, got)


class InfiniteNumberError(MisfitError):
    """A number that is infinite."""


class EncodingError(InputError):
    """A text in another encoding than expected."""


class BinaryFileError(InputError):
    """Something else than text, where text was expected."""


@contextmanager
def naming(path: Path, what: str) -> Iterator[None]:
    """Give every error the file, and those of libraries what it was expected to be.

    Args:
        path: the file that is read.
        what: what it should hold, as in "a Parquet file".

    Raises:
        InputError: the file cannot be used.
        OSError: the system does not let the file be read.
    """
    import pyarrow as pa  # not for the help of commands, which need this module's other names

    try:
        yield
    except InputError as error:
        error.file = error.file or path
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"not {what} in UTF-8 (byte {error.object[error.start]:#x})", file=path) from None
    except (*DAMAGE, pa.ArrowException) as error:
        raise InputError(f"not {what}, or a damaged one: {_line(error)}", file=path) from None
    except OSError as error:
        if error.errno is not None and error.filename is not None:
            raise
        raise InputError(f"not {what}, or a damaged one: {_line(error)}", file=path) from None
    except ValueError as error:
        raise InputError(_line(error), file=path) from None


def _line(error: BaseException) -> str:
    """The message of a library's error, in one line of bounded length."""
    message = " ".join(str(error).split()) or type(error).__name__
    return message if len(message) <= LONGEST_MESSAGE else message[:LONGEST_MESSAGE] + "..."


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
    raise InputError(f"there is no column {name!r}; {suggestion}columns: {listed(columns)}")


def expect_columns(needed: Iterable[str], columns: list[str]) -> None:
    """Refuse a table that lacks some of the columns, of which up to five are named."""
    lacking = [name for name in needed if name not in columns]
    if len(lacking) == 1:
        expect_column(lacking[0], columns)
    if lacking:
        raise InputError(f"there are no columns {listed(lacking, 5)}; columns: {listed(columns)}")


def expect_names(names: list[str]) -> None:
    """Refuse columns without a name, and names that stand twice."""
    for i, name in enumerate(names):
        if not name.strip():
            raise InputError(f"column {i + 1} has no name (was the index of a table written along?)")
    seen: set[str] = set()
    twice = dict.fromkeys(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
    if twice:
        raise InputError(f"expected distinct column names, got {listed(twice)} more than once")
