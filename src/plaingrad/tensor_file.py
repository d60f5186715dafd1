"""Tensors on disk: safetensors files with one entry of metadata."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.strict_json import strict_json

ENTRY = "plaingrad"
LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it


def write_tensors(path: str | os.PathLike[str], tensors: Mapping[str, Tensor], text: str) -> None:
    """Write a safetensors file with one entry of metadata, atomically.

    Raises:
        OSError: it cannot be completely written.
    """
    # Copies, since safetensors refuses tensors that share memory. One entry of metadata, for the order in
    # which safetensors writes several is left to chance.
    copies = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    with replacing(path) as temporary:
        temporary.write_bytes(save(copies, metadata={ENTRY: text}))


@dataclass(frozen=True)
class TensorFile:
    """An open safetensors file, of which only the header has been read.

    Attributes:
        names: the names of its tensors.
        metadata: its entries, as text.
        handle: the safetensors library's handle.
    """

    names: list[str]
    metadata: dict[str, str]
    handle: Any

    def layout(self, name: str) -> tuple[str, tuple[int, ...]]:
        """A tensor's dtype, as safetensors names it, and its shape."""
        part = self.handle.get_slice(name)
        return part.get_dtype(), tuple(part.get_shape())

    def tensor(self, name: str) -> Tensor:
        """Read a tensor into its own memory."""
        return self.handle.get_tensor(name).clone()


@contextmanager
def open_tensors(path: str | os.PathLike[str], expected: str = "a safetensors file") -> Iterator[TensorFile]:
    """Open a safetensors file.

    Args:
        path: the file.
        expected: its name in errors.

    Raises:
        InputError: it is none, or is truncated; on entry.
        OSError: it cannot be read.
    """
    try:
        _expect_header(Path(path), expected)
        with safe_open(path, framework="pt") as handle:
            yield TensorFile(list(handle.keys()), handle.metadata() or {}, handle)
    except SafetensorError as error:
        problem = " ".join(str(error).split())[:200]
        raise InputError(f"expected {expected}, got {problem}", file=os.fspath(path)) from error


def _is_of_torch(path: Path, first: bytes) -> bool:
    """True for what torch.save writes: an archive with a pickle, or the pickle that it wrote before 1.6."""
    if first.startswith(b"\x80\2\x8a\n"):
        return True
    try:
        with ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except (BadZipFile, OSError, ValueError, NotImplementedError):
        return False


def _expect_header(path: Path, expected: str) -> None:
    """Refuse a truncated or ambiguous header, which safetensors would accept."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe, which would be waited for
        raise InputError(f"expected {expected}, got what is no file", file=path)
    with path.open("rb") as file:
        size, first = path.stat().st_size, file.read(9)
        if first[8:] != b"{":  # with which every header begins
            if _is_of_torch(path, first):
                hint = "save_file(torch.load(path), ...) of safetensors.torch makes one of its tensors"
                raise InputError(f"expected {expected}, got a file of torch.save", file=path, hint=hint)
            begin = f" that begin with {str(first)[1:]}" if first else ""
            raise InputError(f"expected {expected}, got {size:,} bytes{begin}", file=path)
        (length,) = struct.unpack("<Q", first[:8])
        if not 0 < length <= min(size - 8, LONGEST_HEADER):
            raise InputError(
                f"expected {expected}, got {size:,} bytes with a header of {length:,}", file=path
            )
        text = first[8:] + file.read(length - 1)
    try:
        strict_json(text)
    except ValueError as error:
        raise InputError(f"expected {expected}, got a header with {error}", file=path) from None
