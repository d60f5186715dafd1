"""Whether data have so many zeros that leaving them out pays."""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 2  # rows or columns that a product takes at a time
SAMPLES = 600
LEAST_COLUMNS = 32
LEAST_SHARE = 0.25  # below which the search for zeros would take what it saves


def mostly_zero(inputs: Tensor) -> bool:
    """Whether a quarter or more of a product with these samples, ``(n, ...)``, can be left out.

    A block of the product is left out where all of its values are zero, so what counts is how often `BLOCK`
    samples in a row, or columns in a row, are zero together. Some `SAMPLES` are looked at.
    """
    rows = inputs[:: max(1, len(inputs) // SAMPLES)].unsqueeze(-1).flatten(1) != 0
    if rows.shape[1] < LEAST_COLUMNS or len(rows) < BLOCK:
        return False
    shares = [(~met(rows)).double().mean(), (~met(rows.T)).double().mean()]
    return float(sum(shares)) / 2 > LEAST_SHARE


def met(rows: Tensor) -> Tensor:
    """Where at least one in each group of `BLOCK` rows is set."""
    groups = rows[: len(rows) // BLOCK * BLOCK].unflatten(0, (-1, BLOCK))
    return torch.any(groups, 1)
