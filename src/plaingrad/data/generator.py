"""The random numbers of synthetic data sets."""

from __future__ import annotations

import math
from numbers import Integral

from torch import Generator

from plaingrad.errors import InputError


def generator_for(name: str, n: int, noise: float, seed: int | None, classes: int = 2) -> Generator | None:
    """A generator with this seed, or None for torch's global one.

    Args:
        name: the name of the data set, for messages.
        n: number of samples.
        noise: standard deviation of the noise.
        seed: None draws from torch's global generator.
        classes: number of classes.

    Raises:
        InputError: one of these arguments cannot be used.
    """
    if not isinstance(n, Integral) or n < 1:
        raise InputError(f"{name}: expected a whole number n of at least 1, got {n!r}")
    if not 0 <= noise < math.inf:
        raise InputError(f"{name}: expected noise of at least 0, got {noise}")
    if not isinstance(classes, Integral) or classes < 1:
        raise InputError(f"{name}: expected a whole number of at least 1 classes, got {classes!r}")
    if seed is None:
        return None
    if not isinstance(seed, Integral):
        raise InputError(f"{name}: expected a whole number or None as seed, got {seed!r}")
    return Generator().manual_seed(int(seed))
