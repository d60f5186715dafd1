"""Tensors on disk: safetensors files with metadata as JSON."""

from __future__ import annotations

import json
import math
import os
import struct
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.files import replacing
from plaingrad.module import Module

ENTRY = "plaingrad"
LONGEST_HEADER = 100_000_000  # bytes, as safetensors has it
MOST_DIGITS = sys.int_info.default_max_str_digits  # of an integer, as Python has it


def save_model(
    model: Module, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a model's parameters and buffers, under torch.nn's names, to a file; atomically.

    Args:
        model: the model.
        path: the file, by custom ``*.safetensors``; its folder must exist.
        metadata: any JSON data, which `load_state` returns.

    Raises:
        OSError: the file cannot be completely written, as on a full disk.
    """
    write_tensors(path, model.state_dict(), json.dumps(dict(metadata or {}), sort_keys=True))


def load_state(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a file of `save_model`: the tensors for ``model.load_state_dict``, and the metadata.

    Other programs' files may have metadata that is not JSON; such entries are returned as strings.

    Raises:
        InputError: the file is no safetensors file.
        FileNotFoundError: there is no such file.
    """
    with open_tensors(path) as file:
        state = {name: file.tensor(name) for name in file.names}
        metadata = {name: _from_json(text) for name, text in file.metadata.items()}
    own = metadata.pop(ENTRY, {})
    return state, {**metadata, **own}


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


def _expect_header(path: Path, expected: str) -> None:
    """Refuse a truncated or ambiguous header, which safetensors would accept."""
    if path.exists() and not (path.is_file() or path.is_dir()):  # a pipe, which would be waited for
        raise InputError(f"expected {expected}, got what is no file", file=path)
    with path.open("rb") as file:
        size, first = path.stat().st_size, file.read(9)
        if first[8:] != b"{":  # with which every header begins
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


def strict_json(text: str | bytes) -> Any:
    """Parse unambiguous JSON; bytes are UTF-8.

    Raises:
        InputError: it is no JSON, or has a key twice, a number that is not finite or not short, half of a
            character, or very many levels. The message continues "got something with ".
    """
    try:
        data = json.loads(
            text if isinstance(text, str) else text.decode("utf-8"),
            object_pairs_hook=_without_repetition,
            parse_int=_short,
            parse_float=_finite,
            parse_constant=_finite,
        )
        json.dumps(data, ensure_ascii=False).encode("utf-8")
        return data
    except UnicodeEncodeError as error:
        raise InputError(f"the character {error.object[error.start]!r}, which is half of one") from None
    except UnicodeDecodeError as error:
        raise InputError(f"the byte 0x{error.object[error.start]:02x}, which is no UTF-8") from None
    except json.JSONDecodeError as error:
        raise InputError(f"no JSON: {error}") from None
    except RecursionError:
        raise InputError("too many levels") from None


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) < len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise InputError(f"the key {twice!r:.60} twice")
    return entries


def _short(text: str) -> int:
    digits = len(text.lstrip("-"))
    if digits > MOST_DIGITS:
        raise InputError(f"an integer of {digits:,} digits, which is more than {MOST_DIGITS:,}")
    return int(text)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise InputError(f"the number {text:.20}, which is not finite")
    return number


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
