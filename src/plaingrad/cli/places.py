"""Where files are to be written."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from plaingrad.cli.choices import bad
from plaingrad.cli.table.source import STANDARD
from plaingrad.files import replacing

Files = Mapping[str, Path | None]


def expect_place(path: Path | None, option: str, others: Files) -> None:
    """Say before any work is done that a file could not be written, or is another of the command's.

    Args:
        path: the file; None is none.
        option: that names it.
        others: files that the command reads or writes besides, by the options that name them.

    Raises:
        OSError: the path is a folder, or its folder cannot be made or written to.
        BadParameter: it is one of the others.
    """
    if path is None:
        return
    there = next(folder for folder in path.absolute().parents if folder.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    expect_other(path, option, others)


def expect_other(path: Path, option: str, others: Files) -> None:
    """Refuse a file that is one of the others, however their paths are spelt; arguments as above."""
    for name, other in others.items():
        if other is not None and _same(path, other):
            raise bad(option, f"expected another file than {name}, got {path}")


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """As `replacing`, with the folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        yield temporary


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError):  # one of them is not there yet
        if other == STANDARD:
            return os.path.samestat(path.stat(), os.fstat(0))
        if path.samefile(other):
            return True
    return os.path.realpath(path) == os.path.realpath(other)
