"""Compiled networks: loaded once in a process, kept on disk for their user, compiled if not there."""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import itertools
import json
import os
import platform
import shutil
import tempfile
import threading
import time
import warnings
from pathlib import Path

import platformdirs

from plaingrad.errors import InputError
from plaingrad.native.compile.builder import FLAGS, KERNELS, BuildError, Compiler, find_compiler
from plaingrad.native.compile.store import SECONDS_TO_FINISH, Entry, Store

MOST_MEGABYTES = 256

_loaded: dict[tuple[str, ...], ctypes.CDLL] = {}
_locks: dict[tuple[str, ...], threading.Lock] = {}

if hasattr(os, "register_at_fork"):  # a child has no thread that would let go of a lock which was held then
    os.register_at_fork(after_in_child=_locks.clear)


def library(source: str, verbose: bool = False) -> ctypes.CDLL:
    """The shared object of this source: loaded already, found on disk, or compiled now.

    Args:
        source: a C++ program that includes kernels; its first line is a comment that names the network.
        verbose: whether to say so on standard error if compiling takes longer than half a second.

    Raises:
        BuildError: there is no compiler, it fails, or there is no place to compile in.
        ValueError: PLAINGRAD_CACHE_SIZE is not a number of megabytes.
    """
    request = _request(source)
    if request not in _loaded:
        with _locks.setdefault(request, threading.Lock()):
            if request not in _loaded:  # else another thread has obtained it while this one waited
                _loaded[request] = _obtained(source, verbose)
    return _loaded[request]


def folder() -> Path:
    """The folder of compiled networks: PLAINGRAD_CACHE, else the user's folder for caches."""
    named = os.environ.get("PLAINGRAD_CACHE")
    path = Path(named).expanduser() if named else platformdirs.user_cache_path("plaingrad", appauthor=False)
    return path.absolute()


def contents() -> list[Entry]:
    """The entries on disk, the last used first.

    Raises:
        OSError: the folder cannot be read, or is not to be trusted.
    """
    store = Store(folder())
    if not store.folder.exists():
        return []
    store.check()
    return store.entries()


def clear() -> int:
    """Remove everything that is kept on disk, and return how many networks that were.

    Raises:
        OSError: the folder cannot be changed, or is not to be trusted.
    """
    store = Store(folder())
    if not store.folder.exists():
        return 0
    store.check()
    removed = len(store.entries())
    for path in store.files():
        path.unlink(missing_ok=True)
    return removed


def _request(source: str) -> tuple[str, ...]:
    """The key of a library within a process; no file needs to be read for it."""
    return source, os.environ.get("CXX", ""), os.environ.get("PATH", "")


def _key(source: str, compiler: Compiler) -> str:
    """The checksum of everything that the machine code depends on."""
    kernels = [
        (path.relative_to(KERNELS).as_posix(), path.read_text(encoding="utf-8"))
        for path in sorted(KERNELS.rglob("*.hpp"))
    ]
    ingredients = [source, kernels, FLAGS, compiler.command, compiler.version, _processor()]
    return hashlib.sha256(json.dumps(ingredients).encode()).hexdigest()


@functools.cache
def _processor() -> list[str]:
    """The properties of the processor that -march=native depends on."""
    telling = ("model name", "flags", "CPU implementer", "CPU part", "Features")
    try:
        with Path("/proc/cpuinfo").open() as file:
            first = itertools.takewhile(str.strip, file)
            return [platform.machine(), *(line for line in first if line.startswith(telling))]
    except OSError:
        return [platform.machine(), platform.processor()]


def _obtained(source: str, verbose: bool) -> ctypes.CDLL:
    compiler = find_compiler()
    key = _key(source, compiler)
    try:
        return _kept(key, source, compiler, verbose)
    except OSError as error:
        text = f"compiled networks are lost with this process: {folder()}: {error.strerror or error}"
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    return _built(key, source, compiler, verbose)[0]


def _kept(key: str, source: str, compiler: Compiler, verbose: bool) -> ctypes.CDLL:
    """The library from the user's folder, where it is put if need be."""
    most = _most_bytes()
    store = Store(folder())
    store.prepare()
    loaded = None
    if not store.holds(key):
        with store.locked(key):
            if not store.holds(key):  # else another process has built it while this one waited
                loaded, path = _built(key, source, compiler, verbose)
                store.put(key, source, compiler.described(), path.read_bytes())
                path.unlink(missing_ok=True)  # it stays loaded
    store.touch(key)
    loaded = loaded or ctypes.CDLL(str(store.library(key)))
    store.trim(most)
    return loaded


def _most_bytes() -> int:
    text = os.environ.get("PLAINGRAD_CACHE_SIZE") or str(MOST_MEGABYTES)
    if not text.isdecimal():
        raise InputError(f"PLAINGRAD_CACHE_SIZE: expected a whole number of megabytes, got {text!r}")
    return int(text) * 10**6


def _built(key: str, source: str, compiler: Compiler, verbose: bool) -> tuple[ctypes.CDLL, Path]:
    """The library, loaded from this process's own folder, and its file; the user's need not be writable."""
    try:
        path = _own_folder(os.getpid()) / f"{key}.so"
        if not path.exists():
            compiler.compile(source, path, verbose)
    except OSError as error:
        raise BuildError(f"there is no place to compile a network in: {error}") from error
    try:
        return ctypes.CDLL(str(path)), path
    except OSError as error:
        path.unlink()
        raise BuildError(f"{compiler} made what cannot be loaded: {error}") from error


@functools.cache
def _own_folder(process: int) -> Path:
    """A folder for one process, gone when it ends; and the end of those that killed processes have left."""
    own = Path(tempfile.mkdtemp(prefix=f"plaingrad-{process}-", dir=_loadable_folder()))
    for other in own.parent.glob("plaingrad-*-*"):
        if _is_left(other):
            shutil.rmtree(other, ignore_errors=True)

    def remove() -> None:
        if os.getpid() == process:  # and not a child that inherited this
            shutil.rmtree(own, ignore_errors=True)

    atexit.register(remove)
    return own


def _loadable_folder() -> Path:
    """The folder for temporary files; that of compiled networks, if the former's file system runs nothing."""
    temporary = Path(tempfile.gettempdir())
    if not (hasattr(os, "ST_NOEXEC") and os.statvfs(temporary).f_flag & os.ST_NOEXEC):
        return temporary
    store = Store(folder())
    store.prepare()
    return store.folder


def _is_left(folder: Path) -> bool:
    """True if a folder has been left by a process that is no more; a young one may be another machine's."""
    number = folder.name.split("-")[1]
    try:
        status = folder.lstat()
        old = status.st_mtime < time.time() - SECONDS_TO_FINISH
        if not (number.isdecimal() and old and hasattr(os, "geteuid") and status.st_uid == os.geteuid()):
            return False
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # it is another user's, or no process has such a number
        pass
    return False
