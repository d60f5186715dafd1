"""Checkpoints: a model's parameters and buffers in a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from plaingrad.module import Module
from plaingrad.tensor_file import ENTRY, open_tensors, write_tensors


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


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
