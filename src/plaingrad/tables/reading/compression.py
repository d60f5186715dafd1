"""Files as streams of bytes, however they are compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

import pyarrow as pa

from plaingrad.errors import InputError


@contextmanager
def _zipped(path: Path) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(path) as archive, archive.open(member(path)) as stream:
        yield stream


@contextmanager
def _zstandard(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw, pa.CompressedInputStream(raw, "zstd") as stream:
        yield io.BufferedReader(stream)


COMPRESSIONS: dict[str, Callable] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zst": _zstandard,
    ".zip": _zipped,
}


def member(path: Path) -> str:
    """The name of the one file in a zip archive.

    Raises:
        InputError: there is none, or more than one.
    """
    with zipfile.ZipFile(path) as archive:
        names = [
            info.filename
            for info in archive.infolist()
            if not info.is_dir() and not info.filename.startswith("__MACOSX/")
        ]
    if len(names) != 1:
        raise InputError(f"expected one file in the archive, got {len(names)}")
    return names[0]


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file as they were before it was compressed; the suffix tells how it was."""
    decompress = COMPRESSIONS.get(path.suffix.lower())
    with path.open("rb") if decompress is None else decompress(path) as stream:
        yield stream
