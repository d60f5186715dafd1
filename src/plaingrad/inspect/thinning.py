"""Some of many samples, to be shown or measured."""

from __future__ import annotations

import torch

from plaingrad.data import Dataset

MOST_POINTS = 500  # of the plane, that are shown


def thinned(data: Dataset, count: int = MOST_POINTS) -> Dataset:
    """So many samples at even distances, or all if there are fewer."""
    return data if len(data) <= count else data.take(torch.arange(count) * len(data) // count)
