"""Compiled networks, kept on disk for their user and found again by all that went into them.

An entry is two files: the shared object, and the source that it was compiled from, whose last line is the
shared object's checksum. The source is written last, so what has no source, or another checksum, is no entry.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import errno
import functools
import hashlib
import itertools
import json
import os
import platform
import re
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from plaingrad.train.native.builder import FLAGS, KERNELS, BuildError, Compiler, find_compiler

try:
    import fcntl
except ImportError:  # Windows, where two processes may compile the same network, and the later one wins
    fcntl = None  # type: ignore[assignment]

MOST_MEGABYTES = 256
MOST_FILES = 1000
SECONDS_TO_FINISH = 3600  # after which a file without its fellow is a leftover

_OURS = re.compile(r"\.?[0-9a-f]{64}[.-]")

_loaded: dict[tuple[str, ...], ctypes.CDLL] = {}


@dataclass(frozen=True)
class Entry:
    """A compiled network on disk.

    Attributes:
        key: the checksum of all that went into it; its files are ``key.so`` and ``key.cpp``.
        network: what the first line of the source says.
        bytes: the size of both files.
        built: when it was compiled, in seconds since 1970.
        used: when it was last loaded.
    """

    key: str
    network: str
    bytes: int
    built: float
    used: float


def library(source: str) -> ctypes.CDLL:
    """The shared object of this source: loaded already, found on disk, or compiled now.

    Args:
        source: a C++ program that includes kernels; its first line is a comment that names the network.

    Raises:
        BuildError: there is no compiler, it fails, or there is no place to write to.
        ValueError: PLAINGRAD_CACHE_SIZE is not a number of megabytes.
    """
    request = _request(source)
    if request not in _loaded:
        _loaded[request] = _obtained(source)
    return _loaded[request]


def cached(source: str) -> bool:
    """Whether `library` would return without compiling."""
    if _request(source) in _loaded:
        return True
    try:
        place = folder()
        _check(place)
        return _is_whole(place, _key(source, find_compiler()))
    except (BuildError, OSError):
        return False


def folder() -> Path:
    """Where compiled networks are kept: PLAINGRAD_CACHE, else the user's folder for caches."""
    named = os.environ.get("PLAINGRAD_CACHE")
    place = Path(named).expanduser() if named else platformdirs.user_cache_path("plaingrad", appauthor=False)
    return place.absolute()


def contents() -> list[Entry]:
    """What is kept on disk, the last used first.

    Raises:
        OSError: the folder cannot be read, or is not to be trusted.
    """
    place = folder()
    if not place.exists():
        return []
    _check(place)
    return _entries(place)


def clear() -> int:
    """Remove everything that is kept on disk, and return how many networks that were.

    Raises:
        OSError: the folder cannot be changed, or is not to be trusted.
    """
    found = contents()
    for path in _files(folder()):
        path.unlink(missing_ok=True)
    return len(found)


def _request(source: str) -> tuple[str, ...]:
    """What decides within a process which library is meant; no file needs to be read for it."""
    return source, os.environ.get("CXX", ""), os.environ.get("PATH", "")


def _key(source: str, compiler: Compiler) -> str:
    """The checksum of everything that the machine code depends on."""
    kernels = [(path.name, path.read_text(encoding="utf-8")) for path in sorted(KERNELS.glob("*.hpp"))]
    facts = [source, kernels, FLAGS, compiler.command, compiler.version, _processor()]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


@functools.cache
def _processor() -> list[str]:
    """What -march=native looks at."""
    telling = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    try:
        with Path("/proc/cpuinfo").open() as file:
            first = itertools.takewhile(str.strip, file)
            return [platform.machine(), *(line for line in first if line.startswith(telling))]
    except OSError:
        return [platform.machine(), platform.processor()]


def _obtained(source: str) -> ctypes.CDLL:
    compiler = find_compiler()
    key = _key(source, compiler)
    try:
        return _kept(key, source, compiler)
    except OSError as error:
        why = error.strerror or error
        warnings.warn(
            f"compiled networks are lost with this process: {folder()}: {why}", RuntimeWarning, stacklevel=4
        )
    try:
        return ctypes.CDLL(str(_built(key, source, compiler)))
    except OSError as error:
        raise BuildError(f"a compiled network cannot be loaded: {error}") from error


def _kept(key: str, source: str, compiler: Compiler) -> ctypes.CDLL:
    """The library from the user's folder, where it is put if need be."""
    place = folder()
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check(place)
    most = _most_bytes()
    if not _is_whole(place, key):
        with _locked(place / f"{key}.lock"):
            if not _is_whole(place, key):  # while this process waited for the lock, another one built it
                built = _built(key, source, compiler)
                code = built.read_bytes()
                _write(place / f"{key}.so", code)
                _write(place / f"{key}.cpp", source.encode() + _seal(code))
                built.unlink(missing_ok=True)
    path = place / f"{key}.so"
    with suppress(OSError):
        os.utime(path)
    found = ctypes.CDLL(str(path))
    _trim(place, most)
    return found


def _built(key: str, source: str, compiler: Compiler) -> Path:
    """The library in this process's own folder."""
    try:
        path = _own_folder(os.getpid()) / f"{key}.so"
        if not path.exists():
            compiler.compile(source, path)
        return path
    except OSError as error:
        raise BuildError(f"there is no place to compile a network in: {error}") from error


@functools.cache
def _own_folder(process: int) -> Path:
    """A folder for one process, gone when it ends."""
    place = Path(tempfile.mkdtemp(prefix="plaingrad-"))

    def remove() -> None:
        if os.getpid() == process:  # not a child that has inherited this
            shutil.rmtree(place, ignore_errors=True)

    atexit.register(remove)
    return place


def _check(place: Path) -> None:
    """Refuse a folder that somebody else could have put a library in."""
    problem = _distrust(place.stat())
    if problem:
        raise PermissionError(errno.EACCES, problem, str(place))


def _distrust(status: os.stat_result) -> str | None:
    """Why a file may be somebody else's work; None if it is this user's."""
    if not hasattr(os, "geteuid"):
        return None
    if status.st_uid != os.geteuid():
        return "it belongs to somebody else"
    return "others may write to it" if status.st_mode & 0o022 else None


def _is_whole(place: Path, key: str) -> bool:
    """Whether the entry is there, this user's, and as it was written; a library that is cut off can crash."""
    code, text = place / f"{key}.so", place / f"{key}.cpp"
    try:
        own = not any(_distrust(path.lstat()) for path in (code, text))
        return own and text.read_bytes().endswith(_seal(code.read_bytes()))
    except OSError:
        return False


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


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process or thread at a time in; all of them where there are no locks."""
    with ExitStack() as held:
        if fcntl is not None:
            with suppress(OSError):
                file = held.enter_context(path.open("w"))
                fcntl.flock(file, fcntl.LOCK_EX)
                held.callback(path.unlink, missing_ok=True)
        yield


def _files(place: Path) -> list[Path]:
    return [path for path in place.iterdir() if _OURS.match(path.name)]


def _entries(place: Path) -> list[Entry]:
    found = []
    for text in _files(place):
        if text.suffix == ".cpp":
            with suppress(OSError):  # removed at this moment by another process
                code = text.with_suffix(".so").stat()
                written = text.stat()
                with text.open(encoding="utf-8", errors="replace") as file:
                    network = file.readline().strip().removeprefix("//").strip()
                size = code.st_size + written.st_size
                found.append(Entry(text.stem, network, size, written.st_mtime, code.st_mtime))
    return sorted(found, key=lambda entry: entry.used, reverse=True)


def _most_bytes() -> int:
    text = os.environ.get("PLAINGRAD_CACHE_SIZE") or str(MOST_MEGABYTES)
    if not text.isdecimal():
        raise ValueError(f"PLAINGRAD_CACHE_SIZE: expected a whole number of megabytes, got {text!r}")
    return int(text) * 10**6


def _trim(place: Path, most: int) -> None:
    """Remove what was used least lately beyond the bounds, and what others have left unfinished."""
    with suppress(OSError):
        entries = _entries(place)
        sums = itertools.accumulate(entry.bytes for entry in entries)
        kept = {
            entry.key
            for number, (entry, total) in enumerate(zip(entries, sums), start=1)
            if total <= most and 2 * number <= MOST_FILES
        }
        whole = {entry.key for entry in entries}
        for path in _files(place):
            key = path.name.lstrip(".")[:64]
            old = path.stat().st_mtime < time.time() - SECONDS_TO_FINISH
            if key not in kept and (key in whole or old):
                path.unlink(missing_ok=True)
