"""Selection by a mask: unlike a product with 0 and 1, it also drops infinities and NaN."""

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
SMALL = 2048  # torch.where has less overhead, but a branch per element: 3 ns where it is mispredicted


def select(mask: Tensor, x: Tensor) -> Tensor:
    """``x`` where the mask holds, and 0 elsewhere."""
    if x.numel() <= SMALL:
        return torch.where(mask, x, ZEROS[x.dtype])
    bits = BITS[x.dtype]  # integers, which have no infinity
    return mask.to(bits).mul_(x.view(bits)).view(x.dtype)
