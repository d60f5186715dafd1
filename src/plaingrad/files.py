"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# How a disk is full: altogether, for a user, for a file.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name beside ``path``, and rename it when the block ends well.

    If the block raises, the temporary file is removed and what stood at ``path`` stays as it was.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The temporary path, with the same suffix, to write to.

    Raises:
        OSError: the file cannot be made, or not be written to the end, as on a full disk; it names ``path``.
    """
    target = Path(path)
    with _told_as(target):
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _told_as(target, temporary):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes the file readable by its owner alone
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """As `replacing`, with the folder made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        yield temporary


@contextmanager
def _told_as(target: Path, temporary: Path | None = None) -> Iterator[None]:
    """Let errors of the operating system name what was asked for, where they name what stands in for it.

    A disk that is full while a file is open names none.

    Args:
        target: what was asked for.
        temporary: what stands in for it; None if that has no name yet.
    """
    try:
        yield
    except OSError as error:
        named = Path(error.filename) if isinstance(error.filename, (str, os.PathLike)) else None
        if temporary is None:
            below = Path()
        elif named is not None and named.is_relative_to(temporary):
            below = named.relative_to(temporary)
        elif named is None and error.errno in NO_SPACE:
            below = Path()
        else:
            raise
        raise OSError(error.errno, os.strerror(error.errno or 0), str(target / below)) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def filling(folder: str | os.PathLike[str]) -> Iterator[Path]:
    """Write several files into ``folder``, of which all appear or none.

    The folder is made if need be. If the block raises, its files are discarded, and so are the folders that
    were made for them.

    Args:
        folder: where the files shall be; files of the same names are replaced.

    Yields:
        A temporary folder inside, to write to.

    Raises:
        OSError: the folder cannot be made or written to; said on entry, before any work is done. Or a file
            in it cannot be written to the end; it names the file as it was to be called, or the folder.
    """
    target = Path(folder)
    made = [path for path in (target, *target.parents) if not path.exists()]
    try:
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(target))
        target.mkdir(parents=True, exist_ok=True)
        with _told_as(target):
            unfinished = tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target)
        with unfinished as temporary, _told_as(target, Path(temporary)):
            yield Path(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.replace(target / path.name)
    except BaseException:
        for path in made:
            with suppress(OSError):  # not made after all, or someone else has put something there
                path.rmdir()
        raise
