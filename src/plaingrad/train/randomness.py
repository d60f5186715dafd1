"""The order of the samples, and random numbers that depend on the seed alone and leave no trace."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from plaingrad.data.dataset import as_tensor
from plaingrad.module import Module
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


@contextmanager
def seeded(seed: int | None, device: torch.device, *roots: Module) -> Iterator[tuple[torch.Generator, int]]:
    """A generator for the order of the samples, and a seed for dropout; a generator for the modules to match.

    PyTorch's global generator is neither read nor changed but for the seed, which is drawn from it if there
    is none: ``torch.manual_seed`` then governs everything. For the block the modules of these networks draw
    from a generator of their own; without a seed, those that have one already keep it. A module of the user's
    that draws from the global one all the same would not be governed by the seed, and a warning says so.
    """
    own = seed is not None
    seed = drawn() if seed is None else seed
    # Another stream than the order's, or the two would be correlated.
    generator = torch.Generator(device).manual_seed(~seed)
    before = [(module, module.generator) for root in roots for module in root.modules()]
    foreign = [
        type(each).__name__ for each, _ in before if not type(each).__module__.startswith("plaingrad.")
    ]
    state = torch.get_rng_state() if own and foreign else None
    try:
        for module, theirs in before:
            module._generator = generator if own or theirs is None else theirs
        yield torch.Generator().manual_seed(seed), seed
    finally:
        for module, theirs in before:
            module._generator = theirs
    if state is not None and not torch.equal(state, torch.get_rng_state()):
        names = " or ".join(dict.fromkeys(foreign))
        text = f"{names} drew from torch's global generator, which a seed does not govern; draw with "
        warnings.warn(f"{text}generator=self.generator", RuntimeWarning, stacklevel=2)


def drawn() -> int:
    """A seed of 63 bits from torch's global generator."""
    return int(torch.empty((), dtype=torch.int64).random_())
