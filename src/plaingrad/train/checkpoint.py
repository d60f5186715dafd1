"""Models on disk: safetensors, with what one wants to know about them as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from plaingrad.files import replacing
from plaingrad.module import Module

ENTRY = "plaingrad"


def save_model(
    model: Module, path: str | os.PathLike[str], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a model's parameters and buffers, under torch.nn's names; the file is either whole or not there.

    Args:
        model: the model.
        path: the file, by custom ``*.safetensors``; its folder must exist.
        metadata: anything that JSON can hold, to be found again by `load_state`.
    """
    state = {name: value.detach().clone().contiguous() for name, value in model.state_dict().items()}
    # One entry, for the order in which safetensors writes several is left to chance.
    header = {ENTRY: json.dumps(dict(metadata or {}), sort_keys=True)}
    with replacing(path) as temporary:
        save_file(state, temporary, metadata=header)


def load_state(path: str | os.PathLike[str]) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_model` wrote: the tensors for ``model.load_state_dict``, and the metadata.

    Files from elsewhere may hold metadata that is no JSON; such entries come back as strings.

    Raises:
        ValueError: the file is no safetensors file.
        FileNotFoundError: there is no such file.
    """
    try:
        with safe_open(path, framework="pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
            metadata = {name: _from_json(text) for name, text in (file.metadata() or {}).items()}
    except SafetensorError as error:
        raise ValueError(f"{os.fspath(path)}: expected a safetensors file, got {error}") from error
    facts = metadata.pop(ENTRY, {})
    return state, {**metadata, **facts}


def _from_json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
