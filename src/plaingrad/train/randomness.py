"""Random numbers that depend on the seed alone, and leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int | None, device: torch.device) -> Iterator[tuple[torch.Generator, int]]:
    """A generator for the order of the samples, and a seed for dropout; the global generator to match.

    With a seed, torch's global generator is seeded for the block, for modules that draw from it, and
    afterwards put back as it was. Without one, the seed is drawn from the global generator, so that
    ``torch.manual_seed`` governs everything.
    """
    order = torch.Generator()
    if seed is None:
        seed = drawn()
        yield order.manual_seed(seed), seed
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        # Another stream than the order's, or the two would be correlated. For the CPU torch.manual_seed would
        # take a millisecond, to note for each kind of device that is not there how to seed it.
        (torch.default_generator if device.type == "cpu" else torch).manual_seed(~seed)
        yield order.manual_seed(seed), seed


def drawn() -> int:
    """A seed of 63 bits from torch's global generator."""
    return int(torch.empty((), dtype=torch.int64).random_())
