"""Selection by a mask: unlike a product with 0 and 1, it drops infinities and NaN too."""

from __future__ import annotations

import torch
from torch import Tensor

BITS = {
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
    torch.float32: torch.int32,
    torch.float64: torch.int64,
}
ZEROS = {dtype: torch.zeros((), device="cpu", dtype=dtype) for dtype in BITS}
FEW = 2048  # torch.where has less overhead, but a branch for each element: 3 ns where it is not foreseen


def select(mask: Tensor, x: Tensor) -> Tensor:
    """``x`` where the mask holds, and 0 elsewhere."""
    if x.numel() <= FEW:
        return torch.where(mask, x, ZEROS[x.dtype])
    return (x.view(BITS[x.dtype]) * mask).view(x.dtype)  # whole numbers know no infinity
