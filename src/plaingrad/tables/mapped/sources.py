"""Tables in several files: a folder, a pattern such as ``part-*.parquet``, or a list of either."""

from __future__ import annotations

import errno
import glob
import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from plaingrad.errors import InputError
from plaingrad.tables.reading.compression import COMPRESSIONS
from plaingrad.tables.reading.reading import SUFFIXES

PIECEWISE = ("csv", "tsv", "parquet", "arrow")  # formats that are read piece by piece
HIDDEN = (".", "_")  # with which the names of files begin that are no data, such as _SUCCESS
NOTHING = "__HIVE_DEFAULT_PARTITION__"

Source = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]


def is_several(source: Source) -> bool:
    """True for a folder, a pattern or a list; False for one file."""
    if not isinstance(source, (str, os.PathLike)):
        return True
    path = Path(source)
    return path.is_dir() or (not path.exists() and glob.has_magic(os.fspath(source)))


def files_of(source: Source) -> list[tuple[Path, dict[str, str | None]]]:
    """The files of a table in the order of their names, and the columns that the names of folders tell.

    A folder such as ``year=2024`` below the one that was named, or below the part of a pattern that has no
    signs in it, is a column of one value, as Hive and Spark write it.

    Raises:
        InputError: there is none.
        OSError: a file that was named is not there.
    """
    if not isinstance(source, (str, os.PathLike)):
        return list(dict((path, values) for each in source for path, values in files_of(each)).items())
    path = Path(source)
    if path.is_dir():
        files = [(file, _values(file.relative_to(path))) for file in sorted(_within(path))]
        if not files:
            raise InputError(f"expected files of {', '.join(PIECEWISE)} in it, got none", file=path)
        return files
    if not path.exists() and glob.has_magic(os.fspath(source)):
        matches = sorted(glob.glob(os.fspath(source), recursive=True))  # noqa: PTH207 (also of an absolute path)
        named = Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
        files = [(file, _values(file.relative_to(named))) for match in matches for file, _ in files_of(match)]
        if not files:
            raise InputError("no file has such a name", file=source)
        return files
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    return [(path, {})]


def _within(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        names = path.relative_to(folder).parts
        suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in COMPRESSIONS]
        is_data = bool(suffixes) and SUFFIXES.get(suffixes[-1]) in PIECEWISE
        if is_data and not any(name.startswith(HIDDEN) for name in names) and path.is_file():
            yield path


def _values(path: Path) -> dict[str, str | None]:
    """The columns in the names of the folders of a file."""
    pairs = [name.partition("=") for name in path.parts[:-1] if "=" in name]
    return {unquote(name): None if text == NOTHING else unquote(text) for name, _, text in pairs}
