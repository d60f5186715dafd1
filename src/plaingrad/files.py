"""Files that are either whole or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file under a temporary name beside ``path``, and rename it when the block ends well.

    If the block raises, the temporary file is removed and what stood at ``path`` stays as it was.

    Args:
        path: the file to write; its folder must exist.

    Yields:
        The temporary path, with the same suffix, to write to.
    """
    target = Path(path)
    handle, name = tempfile.mkstemp(prefix=f".{target.stem}-", suffix=target.suffix, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes the file readable by its owner alone
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


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
        OSError: the folder cannot be made or written to; said on entry, before any work is done.
    """
    target = Path(folder)
    made = [path for path in (target, *target.parents) if not path.exists()]
    try:
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", str(target))
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".unfinished-", dir=target) as temporary:
            yield Path(temporary)
            for path in sorted(Path(temporary).iterdir()):
                path.replace(target / path.name)
    except BaseException:
        for path in made:
            with suppress(OSError):  # not made after all, or someone else has put something there
                path.rmdir()
        raise
