"""The order of the samples, and random numbers that depend only on the seed."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from plaingrad.data.dataset import as_tensor
from plaingrad.errors import InputError
from plaingrad.module import Module
from plaingrad.parameter import shape

Shuffle = bool | Literal["blocks"] | Callable[[], Any]
"""True for a new random order in each epoch, "blocks" for one that reads blocks of neighbours, or a callable
that returns the order of the next epoch."""

BLOCKS = "blocks"
SAMPLES_PER_BLOCK, BLOCKS_PER_WINDOW = 8192, 64
FEWEST_BLOCKS = 256  # of data in which blocks are smaller

Draw = Callable[[Tensor], object]
"""Writes the order of the next epoch, int64 indices ``(n,)``, into a tensor."""


def drawing(shuffle: Shuffle, samples: int, generator: torch.Generator) -> Draw | None:
    """The source of orders: the generator, or a callable; None for the data's own order."""
    if callable(shuffle):
        return partial(_supplied, samples, shuffle)
    if shuffle == BLOCKS:
        return partial(_in_blocks, samples, generator)
    return partial(_random, samples, generator) if shuffle else None


def _random(samples: int, generator: torch.Generator, order: Tensor) -> None:
    torch.randperm(samples, generator=generator, out=order)


def _in_blocks(samples: int, generator: torch.Generator, order: Tensor) -> None:
    """Draw the order of blocks of neighbours, and that of the samples within each few blocks of these.

    A disk that seeks slowly then reads some thousand samples at a time, and the blocks of a window stay in
    memory until it has been visited.
    """
    size = max(1, min(SAMPLES_PER_BLOCK, samples // FEWEST_BLOCKS))
    starts, filled = torch.randperm(-(-samples // size), generator=generator) * size, 0
    for window in starts.split(BLOCKS_PER_WINDOW):
        indices = (window[:, None] + torch.arange(size)).flatten()
        indices = indices[indices < samples]  # the last block of the data may be shorter
        part = order[filled : filled + len(indices)]
        torch.index_select(indices, 0, torch.randperm(len(indices), generator=generator), out=part)
        filled += len(indices)


def _supplied(samples: int, supply: Callable[[], Any], order: Tensor) -> None:
    order.copy_(expect_permutation(as_tensor("the order that shuffle gives", supply()), samples))


def expect_permutation(order: Tensor, samples: int) -> Tensor:
    """The order as int64, if it is a permutation of the samples.

    Raises:
        InputError: it is not; the message has a wrong index.
    """
    expected = f"shuffle: expected an order with each index from 0 to {samples - 1} once"
    is_integer = not (order.is_floating_point() or order.is_complex() or order.dtype == torch.bool)
    if not is_integer or order.shape != (samples,):
        raise InputError(f"{expected}, got {order.dtype} of shape {shape(order)}")
    indices = order.long()
    seen = indices.numpy(force=True)  # numpy does this in half the time, and it is done in every epoch
    if seen.min() < 0 or seen.max() >= samples:
        index = int(np.flatnonzero((seen < 0) | (seen >= samples))[0])
        raise InputError(f"{expected}, got {order[index].item()} at [{index}]")
    counts = np.bincount(seen, minlength=samples)
    if counts.max() > 1:
        index = int(counts.argmax())
        raise InputError(f"{expected}, got {index} {counts[index]} times")
    return indices


@contextmanager
def seeded(seed: int | None, device: torch.device, *roots: Module) -> Iterator[tuple[torch.Generator, int]]:
    """Seed a run: a generator for the order of the samples, a seed for dropout, a generator for the modules.

    PyTorch's global generator is neither read nor changed, unless there is no seed: then the seed is drawn
    from it, so that ``torch.manual_seed`` governs everything. During the block the modules of these networks
    draw from a separate generator; without a seed, modules that have one keep it. A user's module that draws
    from the global generator is not governed by the seed, and a warning says so.
    """
    own = seed is not None
    seed = draw_seed() if seed is None else seed
    # A different stream than the order's, or the two would be correlated.
    generator = torch.Generator(device).manual_seed(~seed)
    before = [(module, module.generator) for root in roots for module in root.modules()]
    foreign = [
        type(each).__name__ for each, _ in before if not type(each).__module__.startswith("plaingrad.")
    ]
    state = torch.get_rng_state() if own and foreign else None
    try:
        for module, theirs in before:
            vars(module)["_generator"] = generator if own or theirs is None else theirs
        yield torch.Generator().manual_seed(seed), seed
    finally:
        for module, theirs in before:
            vars(module)["_generator"] = theirs
    if state is not None and not torch.equal(state, torch.get_rng_state()):
        names = " or ".join(dict.fromkeys(foreign))
        text = f"{names} drew from torch's global generator, which a seed does not govern; draw with "
        warnings.warn(f"{text}generator=self.generator", RuntimeWarning, stacklevel=2)


class DrawnSeed(int):
    """A seed that no caller has named: that of a run that goes on may be another one."""


def draw_seed() -> DrawnSeed:
    """A seed of 63 bits from torch's global generator."""
    return DrawnSeed(torch.empty((), dtype=torch.int64).random_())
