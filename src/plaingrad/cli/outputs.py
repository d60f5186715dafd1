"""Checks of the paths that a command writes to, before any work is done."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from plaingrad.console.options import refused
from plaingrad.errors import error_fields
from plaingrad.tables.reading.source import STANDARD, is_stream

FORMAT_HINT = "--output-format tells the format whatever the suffix"

Files = Mapping[str, Path | None]


def expect_writable_file(path: Path | None, option: str, others: Files) -> None:
    """Refuse before any work is done a file that could not be written, or is another of the command's.

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
            raise refused(f"expected another file than {name}, got {path}", option)


def expect_writable(path: Path, format: str | None, reads: Files) -> None:
    """Refuse before any work is done what could not be written.

    Args:
        path: the file.
        format: whatever its suffix.
        reads: files that it must not replace, by the options that name them.

    Raises:
        InputError: the suffix names no format, or the file is one of those that are read.
        OSError: the path is a folder, or its folder cannot be made or written to.
    """
    from plaingrad.tables.writing import format_of

    if path == STANDARD:
        return
    with error_fields(hint=FORMAT_HINT):
        format_of(path, format)
    if is_stream(path):
        expect_other(path, "--output", reads)
    else:
        expect_writable_file(path, "--output", reads)


def standard(path: Path) -> Path:
    """The path of an output, by "-" where it is one of the other names of standard output."""
    return STANDARD if str(path) in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1") else path


def _same(path: Path, other: Path) -> bool:
    with suppress(OSError):  # one of them is not there yet
        if other == STANDARD:
            return os.path.samestat(path.stat(), os.fstat(0))
        if path.samefile(other):
            return True
    return os.path.realpath(path) == os.path.realpath(other)
