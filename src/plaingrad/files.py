"""Atomic writing: files that are complete or absent, whenever the process is killed or power is lost."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # not a POSIX system: what dead processes left stays
    fcntl = None  # type: ignore[assignment]

# A full disk, a user's quota, the limit on a file's size.
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
UNFINISHED, FINISHED, LOCK = ".unfinished-", ".finished-", ".lock"


@contextmanager
def replacing(path: str | os.PathLike[str], *, parents: bool = False) -> Iterator[Path]:
    """Write a file under a temporary name beside ``path``, and rename it when the block ends well.

    If the block raises, the temporary file is removed and ``path`` is left as it was. If the process is
    killed, whoever writes the file next removes it.

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
    handle, temporary = _temporary(target)
    try:
        with _reporting(target, temporary):
            yield temporary
            temporary.chmod(0o666 & ~_umask())  # mkstemp makes the file readable by its owner alone
            flush(temporary)
            temporary.replace(target)
            flush(target.parent)
    finally:
        temporary.unlink(missing_ok=True)
        os.close(handle)


def expect_writable(path: str | os.PathLike[str]) -> None:
    """Refuse a path that `replacing` could not write to, and remove what killed processes left of it.

    Raises:
        OSError: its folder does not exist or cannot be written to.
    """
    handle, temporary = _temporary(Path(path))
    temporary.unlink()
    os.close(handle)


def remove_unfinished(folder: Path, suffixes: Sequence[str]) -> None:
    """Remove what killed processes have left of `replacing` files with these suffixes in a folder."""
    with _alone(folder):
        for suffix in suffixes:
            for left in _dead(folder, ".", f".unfinished{suffix}"):
                left.unlink(missing_ok=True)


def _temporary(target: Path) -> tuple[int, Path]:
    """Open a new file beside a target; those that killed processes left there are removed."""
    prefix, suffix = f".{target.stem}-", f".unfinished{target.suffix}"
    with _reporting(target), _alone(target.parent):
        for left in _dead(target.parent, prefix, suffix):
            left.unlink(missing_ok=True)
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=suffix, dir=target.parent)
        _lock(handle)  # until it is closed, so that nobody takes the file for a dead process's
    return handle, Path(name)


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


@contextmanager
def filling(folder: str | os.PathLike[str], last: str = "") -> Iterator[Path]:
    """Write several files into ``folder``; either all of them appear or none.

    The folder is created if it does not exist. If the block raises, its files are discarded, and so are the
    folders that were created for them. If the process is killed, whoever fills the folder next
    removes what is left, or, where the block had ended, completes it.

    Args:
        folder: the destination; files of the same names are replaced.
        last: the name of the file that appears last, and disappears first if it is replaced: while it is
            there, the others are those that were written with it.

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
        with _reporting(target), _alone(target):
            clear(target, last)
            temporary = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=target))
            handle = os.open(temporary / LOCK, os.O_CREAT | os.O_RDWR)
            _lock(handle)  # until it is closed, so that nobody takes the folder for a dead process's
        try:
            with _reporting(target, temporary):
                yield temporary
                for path in [*temporary.iterdir(), temporary]:
                    flush(path)
                finished = temporary.with_name(temporary.name.replace(UNFINISHED, FINISHED))
                temporary.rename(finished)
                _move(finished, target, last)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            os.close(handle)
    except BaseException:
        for path in created:
            with suppress(OSError):  # not created after all, or someone else has put something there
                path.rmdir()
        raise


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold the lock of a file for the block; it is created for that, and removed.

    Yields:
        False if another process, or another block of this one, holds it.
    """
    if fcntl is None:
        yield True
        return
    handle = _locked(path)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)


def _locked(path: Path) -> int | None:
    """The handle of a file, created if need be, whose lock is ours until it is closed; None if it is not."""
    while True:
        handle = os.open(path, os.O_CREAT | os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever held it may have removed it in between, and the next one would create another.
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        except FileNotFoundError:  # there is none now
            pass
        except BlockingIOError:
            os.close(handle)
            return None
        except BaseException:
            os.close(handle)
            raise
        os.close(handle)


def clear(target: Path, last: str = "") -> None:
    """Complete or remove what processes that were killed have left of `filling` a folder."""
    for left in _dead(target, FINISHED):
        _move(left, target, last)
    for left in _dead(target, UNFINISHED):
        shutil.rmtree(left, ignore_errors=True)


def _move(finished: Path, target: Path, last: str) -> None:
    """Move all files of a folder into another one, and remove it."""
    names = sorted({path.name for path in finished.iterdir()} - {LOCK}, key=lambda name: (name == last, name))
    if last in names and len(names) > 1:
        (target / last).unlink(missing_ok=True)
    for name in names:
        (finished / name).replace(target / name)
    flush(target)
    shutil.rmtree(finished)


def _dead(folder: Path, prefix: str, suffix: str = "") -> list[Path]:
    """The entries of a folder with such names that no living process is writing."""
    if fcntl is None:
        return []
    dead = []
    for path in folder.glob(f"{prefix}*{suffix}"):
        lock = path / LOCK if path.is_dir() else path
        with suppress(OSError):  # locked by its process, or gone
            handle = os.open(lock, os.O_CREAT | os.O_RDWR)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                dead.append(path)
            finally:
                os.close(handle)
    return dead


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Have no other process between the creation of a temporary name in a folder and its lock."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError:  # it does not exist, or the system opens no folders
        yield
        return
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    """Wait for the lock of an open file, if there are locks."""
    if fcntl is not None:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX)


def flush(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk: a loss of power undoes them no more."""
    try:
        handle = os.open(path, os.O_RDONLY)
    except OSError:
        return  # a folder, where the system does not open one
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
