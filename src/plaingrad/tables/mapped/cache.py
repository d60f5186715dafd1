"""An encoded table on disk: two files of numbers, and one that says what they are."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
import numpy as np
import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.files import remove_unfinished, replacing
from plaingrad.saving.schema import Count, Strict, decode
from plaingrad.strict_json import strict_json
from plaingrad.tables.columns.encoder import TableEncoder
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.columns.target import Target
from plaingrad.tables.mapped.fitting import with_target
from plaingrad.tables.mapped.pieces import Piece, Pieces

FORMAT = 1
NAME = "table.json"
SUFFIXES = (".f32", ".i64")


class FileState(Strict, frozen=True):
    """A file of a table as it was when it was read.

    Attributes:
        path: of the file.
        size: in bytes.
        changed: when, in nanoseconds since 1970.
        columns: that the names of its folders tell, with their values.
    """

    path: str
    size: Count
    changed: int
    columns: dict[str, str | None] = msgspec.field(default_factory=dict)

    @classmethod
    def of(cls, path: Path, columns: Mapping[str, str | None]) -> FileState:
        """Look at a file."""
        status = path.stat()
        return cls(str(path.resolve()), status.st_size, status.st_mtime_ns, dict(columns))


class MapState(Strict, frozen=True):
    """The metadata of an encoded table on disk.

    Attributes:
        format: of these fields.
        options: what decides how the table is encoded, by name.
        files: of the table.
        rows: how many were encoded.
        inputs: the name of the file of the features, float32 ``(rows, features)``.
        targets: likewise of the targets: int64 ``(rows,)``, or float32 ``(rows, 1)``.
        encoder: as JSON.
        target: what is predicted.
    """

    format: int
    options: dict[str, Any]
    files: list[FileState]
    rows: Count
    inputs: str
    targets: str
    encoder: str
    target: Target


@dataclass(frozen=True)
class Encoding:
    """An encoded table.

    Attributes:
        inputs: its features, float32 ``(rows, features)``, in a file that is mapped.
        targets: int64 ``(rows,)``, or float32 ``(rows, 1)``, likewise.
        encoder: of the columns.
        target: what is predicted.
    """

    inputs: Tensor
    targets: Tensor
    encoder: TableEncoder
    target: Target


def read(folder: Path) -> MapState | None:
    """The metadata of the table in a folder; None if there is none that is whole."""
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        state = decode(MapState, strict_json(path.read_bytes()), NAME)
    except ValueError:  # of another version, or damaged by someone
        return None
    width = len(TableEncoder.from_bytes(state.encoder.encode()).names_)
    sizes = {
        state.inputs: 4 * width * state.rows,
        state.targets: (8 if state.target.labels else 4) * state.rows,
    }
    is_whole = all(
        (folder / name).is_file() and (folder / name).stat().st_size == size for name, size in sizes.items()
    )
    return state if is_whole else None


def changed(
    state: MapState, options: Mapping[str, Any], files: Sequence[FileState], folder: Path
) -> str | None:
    """The change of a table since it was encoded, in words; None if there is none.

    Args:
        state: of the encoded table.
        options: what decides how the table is encoded now, by name.
        files: of the table, as they are now.
        folder: of the encoded table.

    Raises:
        InputError: the folder has another table; one line that names the difference.
    """
    same_files = _names(state.files) == _names(files)
    is_like_another = None not in (state.options.get("like"), options["like"])
    for name in options:
        before = state.options.get(name)
        if (name == "source" and same_files) or (name == "like" and is_like_another):
            continue
        if before != options[name]:
            problem = (
                f"expected {name} {_short(before)} as of the table in {folder}, got {_short(options[name])}"
            )
            raise InputError(problem, argument="cache", hint="use another folder, or remove this one")
    if state.files != list(files):
        return f"the files of the table in {folder} have changed"
    if state.options.get("like") != options["like"]:
        return f"the encoding that the table in {folder} has from another one (like) has changed"
    return None


def _names(files: Sequence[FileState]) -> list[tuple[str, dict[str, str | None]]]:
    return [(each.path, each.columns) for each in files]


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else text[:80] + "..."


def mapped(folder: Path, state: MapState) -> Encoding:
    """Map the files of a table: they are read as their rows are needed, and take no memory of their own."""
    encoder = TableEncoder.from_bytes(state.encoder.encode())
    width = len(encoder.names_)
    inputs = _mapped(folder / state.inputs, torch.float32, (state.rows, width))
    kind, shape = (torch.int64, (state.rows,)) if state.target.labels else (torch.float32, (state.rows, 1))
    return Encoding(inputs, _mapped(folder / state.targets, kind, shape), encoder, state.target)


def _mapped(path: Path, dtype: torch.dtype, shape: tuple[int, ...]) -> Tensor:
    # Not shared: what someone writes into the tensor is not written into the file.
    return torch.from_file(str(path), shared=False, size=int(np.prod(shape)), dtype=dtype).view(shape)


def write(
    folder: Path,
    pieces: Pieces,
    encoder: TableEncoder,
    target: Target,
    options: Mapping[str, Any],
    strange: StrangeCounts,
    progress: Callable[[Piece], object] | None = None,
    skip: np.ndarray | None = None,
) -> MapState:
    """Encode a table into a folder, whole or not at all; files of a table that was there are removed.

    Args:
        folder: created if it is not there.
        pieces: the table.
        encoder: of its columns.
        target: what is predicted; rows without it are left out.
        options: what decides how the table is encoded, by name.
        strange: counts the cells that are not what their column held.
        progress: called with each piece.
        skip: the numbers of rows that are left out besides, in order.

    Raises:
        InputError: a cell cannot be used; one line that names file, column and row.
        OSError: a file cannot be read or written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder, SUFFIXES)
    files, code = [FileState.of(*each) for each in pieces.files], uuid.uuid4().hex[:12]
    names = [f"inputs-{code}.f32", f"targets-{code}.{'i64' if target.labels else 'f32'}"]
    rows = 0
    with ExitStack() as around:
        inputs, targets = (around.enter_context(_written(folder / name)) for name in names)
        for piece in pieces:
            frame, _ = with_target(piece, target, skip)
            with piece.located(frame.index):
                features = encoder.transform(frame, strange=strange)
                codes = target.encode(frame[target.name])
            features.tofile(inputs)
            codes.astype(np.int64 if target.labels else np.float32).tofile(targets)
            rows += len(frame)
            if progress:
                progress(piece)
    if not rows:
        raise InputError(f"the target {target.name!r} has no value")
    text = encoder.to_bytes().decode("ascii")
    state = MapState(FORMAT, dict(options), files, rows, names[0], names[1], text, target)
    with replacing(folder / NAME) as temporary:
        temporary.write_bytes(json.dumps(msgspec.to_builtins(state), indent=2).encode())
    for path in folder.iterdir():
        if path.suffix in SUFFIXES and not path.name.startswith(".") and path.name not in names:
            path.unlink()
    return state


@contextmanager
def _written(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which is there when it is whole."""
    with replacing(path) as temporary, temporary.open("wb") as stream:
        yield stream
