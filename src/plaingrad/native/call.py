"""The arguments of a compiled program: the C++ struct ``Call``, field by field."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

POINTER, WHOLE, REAL = ctypes.c_void_p, ctypes.c_int64, ctypes.c_double


class Call(ctypes.Structure):
    """The arguments of a call; see ``kernels/run/trainer.hpp``, with the same layout."""

    _fields_ = [
        ("inputs", POINTER),
        ("targets", POINTER),
        ("weights", POINTER),
        ("order", POINTER),
        ("samples", WHOLE),
        ("begin", WHOLE),
        ("end", WHOLE),
        ("tensors", POINTER),
        ("numbers", POINTER),
        ("options", POINTER),
        ("options_stride", WHOLE),
        ("taken", POINTER),
        ("rates", POINTER),
        ("rates_stride", WHOLE),
        ("clip_norm", REAL),
        ("keys", POINTER),
        ("draws", POINTER),
        ("losses", POINTER),
        ("penalties", POINTER),
        ("counted_samples", POINTER),
        ("outputs", POINTER),
        ("updates", WHOLE),
    ]


def layout_checks() -> str:
    """C++ assertions that the compiler lays out ``Call`` as ctypes does."""
    offsets = {name: getattr(Call, name).offset for name, *_ in Call._fields_}
    lines = [f"static_assert(__builtin_offsetof(Call, {name}) == {at});" for name, at in offsets.items()]
    return "\n".join([f"static_assert(sizeof(Call) == {ctypes.sizeof(Call)});", *lines])


class Array:
    """An array of numbers that outlives the call, and its address."""

    def __init__(self, values: Sequence[Any] | np.ndarray, dtype: type) -> None:
        self.values: np.ndarray = np.ascontiguousarray(values, dtype=dtype)
        self.address = self.values.ctypes.data


def workspace(size: int) -> tuple[torch.Tensor, int]:
    """So many zero bytes, and the address of the first that is aligned for any vector."""
    memory = torch.zeros(size + 64, dtype=torch.uint8)
    return memory, -(-memory.data_ptr() // 64) * 64
