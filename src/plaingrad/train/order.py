"""The order in which an epoch visits the samples."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.data.dataset import as_tensor
from plaingrad.parameter import shape

Shuffle = bool | Callable[[], Any]
"""Whether each epoch has a new random order, or what gives the order of the next epoch."""

Draw = Callable[[Tensor], object]
"""Writes the order of the next epoch, int64 indices ``(n,)``, into the tensor that it is given."""


def drawing(shuffle: Shuffle, samples: int, generator: torch.Generator) -> Draw | None:
    """What draws the orders: the generator, or a callable; None for the data's own order."""
    if callable(shuffle):
        return partial(_given, samples, shuffle)
    return partial(_random, samples, generator) if shuffle else None


def _random(samples: int, generator: torch.Generator, order: Tensor) -> None:
    torch.randperm(samples, generator=generator, out=order)


def _given(samples: int, give: Callable[[], Any], order: Tensor) -> None:
    order.copy_(expect_permutation(as_tensor("the order that shuffle gives", give()), samples))


def expect_permutation(order: Tensor, samples: int) -> Tensor:
    """The order as int64, if it has the index of each sample once.

    Raises:
        ValueError: it has not; said with an index that is wrong.
    """
    wanted = f"shuffle: expected an order with each index from 0 to {samples - 1} once"
    whole = not (order.is_floating_point() or order.is_complex() or order.dtype == torch.bool)
    if not whole or order.shape != (samples,):
        raise ValueError(f"{wanted}, got {order.dtype} of shape {shape(order)}")
    indices = order.long()
    seen = indices.numpy(force=True)  # numpy does this in half the time, and it is done in every epoch
    if seen.min() < 0 or seen.max() >= samples:
        place = int(np.flatnonzero((seen < 0) | (seen >= samples))[0])
        raise ValueError(f"{wanted}, got {order[place].item()} at [{place}]")
    counts = np.bincount(seen, minlength=samples)
    if counts.max() > 1:
        index = int(counts.argmax())
        raise ValueError(f"{wanted}, got {index} {counts[index]} times")
    return indices
