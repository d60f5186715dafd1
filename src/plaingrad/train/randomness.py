"""Random numbers that depend on the seed alone, and leave no trace."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from plaingrad.module import Module


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
