"""A folder of compiled networks that several processes share and nobody else can write to."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows, where two processes may compile the same network, and the later one wins
    fcntl = None  # type: ignore[assignment]

MOST_FILES = 1000
SECONDS_TO_FINISH = 3600  # after which a file without its fellow is a leftover

_BY = "// compiled by "
_OURS = re.compile(r"\.?[0-9a-f]{64}[.-]")


@dataclass(frozen=True)
class Entry:
    """A compiled network on disk.

    Attributes:
        key: the checksum of all that went into it; its files are ``key.so`` and ``key.cpp``.
        network: what the first line of the source says.
        compiled: by what: the compiler, its version and its flags.
        size: of both files, in bytes.
        built: when it was compiled, in seconds since 1970.
        used: when it was last loaded.
    """

    key: str
    network: str
    compiled: str
    size: int
    built: float
    used: float


@dataclass(frozen=True)
class Store:
    """Compiled networks in a folder, at two files each.

    These are the shared object, and the source that it was compiled from, whose last lines say by what, and
    the shared object's checksum. The source is written last: without it, or with another checksum, there is
    no entry.
    """

    folder: Path

    def prepare(self) -> None:
        """Make the folder if it is not there, for its user alone; else check it.

        Raises:
            OSError: it cannot be made, or is not to be trusted.
        """
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.check()

    def check(self) -> None:
        """Refuse a folder in which somebody else could have put a library for this user to run.

        Raises:
            OSError: it does not exist, belongs to somebody else, or others may write to it.
        """
        problem = _distrust(self.folder.stat())
        if problem:
            raise PermissionError(errno.EACCES, problem, str(self.folder))

    def library(self, key: str) -> Path:
        """The path of the key's shared object."""
        return self.folder / f"{key}.so"

    def source(self, key: str) -> Path:
        """The path of its source."""
        return self.folder / f"{key}.cpp"

    def holds(self, key: str) -> bool:
        """True if the entry is there, this user's, and as it was written.

        To load a library that has been cut off can end the process.
        """
        code, text = self.library(key), self.source(key)
        try:
            own = not any(_distrust(path.lstat()) for path in (code, text))
            return own and text.read_bytes().endswith(_seal(code.read_bytes()))
        except OSError:
            return False

    def put(self, key: str, source: str, compiled: str, code: bytes) -> None:
        """Write an entry, wholly or not at all; see `Entry` for what is in it.

        Raises:
            OSError: the folder cannot be written to.
        """
        try:
            _write(self.library(key), code)
            _write(self.source(key), f"{source}\n{_BY}{compiled}".encode() + _seal(code))
        except BaseException:
            self.library(key).unlink(missing_ok=True)
            raise

    @contextlib.contextmanager
    def locked(self, key: str) -> Iterator[None]:
        """Hold the lock under which one process or thread at a time builds the entry, if there are locks."""
        path = self.folder / f"{key}.lock"
        with ExitStack() as held:
            if fcntl is not None:
                with suppress(OSError):
                    file = held.enter_context(path.open("w"))
                    fcntl.flock(file, fcntl.LOCK_EX)
                    # Said and not left to the file's end, which comes later where a forked child has it too.
                    held.callback(fcntl.flock, file, fcntl.LOCK_UN)
                    held.callback(path.unlink, missing_ok=True)
            yield

    def touch(self, key: str) -> None:
        """Note that the entry is used now, if the folder can be written to."""
        with suppress(OSError):
            os.utime(self.library(key))

    def entries(self) -> list[Entry]:
        """All there are, the last used first."""
        entries = []
        for text in self.files():
            if text.suffix == ".cpp":
                with suppress(OSError):  # removed at this moment by another process
                    entries.append(_entry(text))
        return sorted(entries, key=lambda entry: entry.used, reverse=True)

    def files(self) -> list[Path]:
        """The files of all entries, and those that are being written; no other file in the folder."""
        return [path for path in self.folder.iterdir() if _OURS.match(path.name)]

    def trim(self, most: int) -> None:
        """Remove what was used least lately beyond so many bytes, and what was left unfinished long ago."""
        with suppress(OSError):
            entries = self.entries()
            whole = {entry.key for entry in entries}
            sums = itertools.accumulate(entry.size for entry in entries)
            kept = {entry.key for entry, total in zip(entries[: MOST_FILES // 2], sums) if total <= most}
            for path in self.files():
                key = path.name.lstrip(".")[:64]
                old = path.stat().st_mtime < time.time() - SECONDS_TO_FINISH
                if key not in kept and (key in whole or old):
                    path.unlink(missing_ok=True)


def _distrust(status: os.stat_result) -> str | None:
    """The reason to distrust a file; None if it is this user's own."""
    if not hasattr(os, "geteuid"):
        return None
    if status.st_uid != os.geteuid():
        return "it belongs to somebody else"
    return "others may write to it" if status.st_mode & 0o022 else None


def _seal(code: bytes) -> bytes:
    return f"\n// sha256 of the shared object: {hashlib.sha256(code).hexdigest()}\n".encode()


def _write(path: Path, content: bytes) -> None:
    """Put a file in place when it is whole, readable by its owner alone."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _entry(text: Path) -> Entry:
    code, written = text.with_suffix(".so").stat(), text.stat()
    lines = text.read_text(encoding="utf-8", errors="replace").splitlines()
    compiled = next((line.removeprefix(_BY) for line in lines if line.startswith(_BY)), "")
    network = lines[0].removeprefix("//").strip() if lines else ""
    return Entry(
        text.stem, network, compiled, code.st_size + written.st_size, written.st_mtime, code.st_mtime
    )
