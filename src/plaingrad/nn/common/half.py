"""Half precision: numbers of 16 bits, computed with in float32 and rounded at the end."""

from __future__ import annotations

from torch import Tensor


def wide(x: Tensor) -> Tensor:
    """The tensor in float32 if it is of half precision, else the tensor itself."""
    return x.float() if x.element_size() < 4 else x
