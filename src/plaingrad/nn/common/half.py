"""Single-precision arithmetic for half-precision inputs, rounded once at the end as in torch.nn."""

from __future__ import annotations

import torch
from torch import Tensor


def widen(x: Tensor) -> Tensor:
    """``x`` in float32 if it is float16 or bfloat16, else ``x`` itself."""
    return x.float() if x.itemsize < 4 else x


def narrow(x: Tensor, dtype: torch.dtype) -> Tensor:
    """``x`` in the dtype that an input had before it was widened."""
    return x if x.dtype is dtype else x.to(dtype)
