"""Atomic writing: files that are either complete or absent."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

# A full disk, a user's quota, the limit on a file's size.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def replacing(path: str | os.PathLike[str], *, parents: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name beside ``path``, and rename it when the block ends well.

    If the block raises, the temporary file is removed and ``path`` is left as it was.

    Args:
        path: the file to write.
        parents: create its folder, which otherwise must exist.

    Yields:
        The temporary path, with the same suffix, to write to.

    Raises:
        OSError: the file cannot be created or completely written, as on a full disk; it names ``path``.
    """
    target = Path(path)
    if parents:
        target.parent.mkdir(parents=True, exist_ok=True)
    with _reporting(target):
        handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        with _reporting(target, temporary):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes the file readable by its owner alone
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def _reporting(target: Path, temporary: Path | None = None) -> Iterator[None]:
    """Re-raise OSErrors about the temporary file under the target's name.

    An error of a disk that fills up while a file is open names no file.

    Args:
        target: the file or folder that the caller asked for.
        temporary: the one written in its place; None if it has no name yet.
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
    """Write several files into ``folder``; either all of them appear or none.

    The folder is created if it does not exist. If the block raises, its files are discarded, and so are the
    folders that were created for them.

    Args:
        folder: the destination; files of the same names are replaced.

    Yields:
        A temporary folder inside, to write to.

    Raises:
        OSError: the folder cannot be created or written to, raised on entry, before any work is done; or a
            file in it cannot be completely written. It names the file's final path, or the folder.
    """
    target = Path(folder)
    created = [path for path in (target, *target.parents) if not path.exists()]
    try:
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(target))
        target.mkdir(parents=True, exist_ok=True)
        with _reporting(target):
            unfinished = tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target)
        with unfinished as temporary, _reporting(target, Path(temporary)):
            yield Path(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.replace(target / path.name)
    except BaseException:
        for path in created:
            with suppress(OSError):  # not created after all, or someone else has put something there
                path.rmdir()
        raise
