"""Dropout masks from counted random numbers, so that every engine can draw the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn import Dropout

Counters = npt.NDArray[np.uint64]

BITS = 2**64 - 1
HALF = np.uint64(32)
BLOCK = 8192  # elements at once: what is worked on stays in the processor's caches


class Masks:
    r"""The masks of a model's dropout during training, as a function of seed, module, draw and element.

    With the key of module j, and element i (in C order) of the tensor at the module's draw number d, all
    arithmetic on unsigned 64-bit integers:

    .. math::
        c &= 2^{32} d + i, \qquad r = \operatorname{squares}(c, \text{key}_j) \in [0, 2^{32}) \\
        m_i &= \begin{cases} 1 / (1 - p) & r < \operatorname{round}((1 - p)\, 2^{32}) \\
                             0 & \text{otherwise} \end{cases}

    Nothing of this touches torch's random state.

    Args:
        model: the network. Its modules of the exact type `plaingrad.nn.Dropout` are meant, each once, in the
            order of ``model.modules()``.
        seed: from 0 to 2**63 - 1.

    Attributes:
        modules: those modules.
        keys: an odd number for each, see `key`.
        draws: how often each has drawn since training began. One with p = 0 never draws.
    """

    def __init__(self, model: Module, seed: int) -> None:
        self.modules = [module for module in model.modules() if type(module) is Dropout]
        self.keys = [key(seed, j) for j in range(len(self.modules))]
        self.draws = [0] * len(self.modules)
        self._ahead = [Ahead((), 0, torch.empty(0))] * len(self.modules)

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Have the modules draw these masks for the length of a block."""
        try:
            for j, module in enumerate(self.modules):
                vars(module)["draw"] = lambda x, j=j: self.draw(j, x)
            yield
        finally:
            for module in self.modules:
                vars(module).pop("draw", None)

    def draw(self, j: int, x: Tensor) -> Tensor:
        """The next mask of module j, shaped as ``x``."""
        number = self.draws[j]
        self.draws[j] = number + 1
        kind = (self.modules[j].p, x.shape, x.dtype, x.device)
        known = self._ahead[j]
        if kind != known.kind or not 0 <= number - known.first < len(known.masks):
            known = self._ahead[j] = Ahead(kind, number, self._make(j, number, x))
        return known.masks[number - known.first]

    def _make(self, j: int, number: int, x: Tensor) -> Tensor:
        """The masks from this number on; many at once if they are small, which costs as much."""
        p, size = self.modules[j].p, x.numel()
        draws = np.arange(number, number + max(1, BLOCK // max(1, size)), dtype=np.uint64)[:, None] << HALF
        kept = np.empty((len(draws), size), dtype=bool)
        limit = np.uint64(round((1 - p) * 2**32))
        for start in range(0, size, BLOCK):
            elements = np.arange(start, min(start + BLOCK, size), dtype=np.uint64)
            np.less(squares(draws + elements, self.keys[j]), limit, out=kept[:, start : start + BLOCK])
        masks = torch.from_numpy(kept).view(len(draws), *x.shape).to(x.dtype)
        return masks.mul_(1 / (1 - p) if p < 1 else 0.0).to(x.device)


class Ahead(NamedTuple):
    """Masks that are made already: of what kind, and from which draw on."""

    kind: tuple[Any, ...]
    first: int
    masks: Tensor


def squares(counters: Counters, key: int) -> Counters:
    """The random number of each counter, 32 bits.

    Source: B. Widynski, "Squares: a fast counter-based RNG", 2020.
    """
    y = counters * np.uint64(key)
    z = y + np.uint64(key)
    x = y * y
    x += y
    for shift in (z, y, z):
        low = x >> HALF
        x <<= HALF
        x |= low  # the halves have changed places
        x *= x
        x += shift
    x >>= HALF
    return x


def key(seed: int, j: int) -> int:
    """The key of module number ``j``: number j of the splitmix64 sequence from this seed, made odd.

    Source: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
    """
    z = seed + (j + 1) * 0x9E3779B97F4A7C15 & BITS
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & BITS
    z = (z ^ z >> 27) * 0x94D049BB133111EB & BITS
    return (z ^ z >> 31) | 1
