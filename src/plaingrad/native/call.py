"""What a compiled program is called with: the C++ struct ``Call``, field by field."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

POINTER, WHOLE, REAL = ctypes.c_void_p, ctypes.c_long, ctypes.c_double


class Call(ctypes.Structure):
    """See ``kernels/run/trainer.hpp``."""

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
        ("options_apart", WHOLE),
        ("taken", POINTER),
        ("rates", POINTER),
        ("rates_apart", WHOLE),
        ("clip_norm", REAL),
        ("keys", POINTER),
        ("draws", POINTER),
        ("losses", POINTER),
        ("penalties", POINTER),
        ("counted", POINTER),
        ("outputs", POINTER),
        ("updates", WHOLE),
    ]


class Array:
    """An array of numbers that outlives the call, and its address."""

    def __init__(self, values: Sequence[Any] | np.ndarray, dtype: type) -> None:
        self.values: np.ndarray = np.ascontiguousarray(values, dtype=dtype)
        self.address = self.values.ctypes.data


def workspace(size: int) -> tuple[torch.Tensor, int]:
    """So many zero bytes, and the address of the first that is aligned for any vector."""
    memory = torch.zeros(size + 64, dtype=torch.uint8)
    return memory, -(-memory.data_ptr() // 64) * 64
