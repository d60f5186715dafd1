"""Dropout masks from counted random numbers, so that every engine can draw the same ones."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from plaingrad.module import Module
from plaingrad.nn import Dropout

BITS = 2**64 - 1
BLOCK = 4096  # elements at once: what one works on stays in the nearest cache
INDICES = np.arange(BLOCK, dtype=np.uint64)
HALF = np.uint64(32)


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
        p, size = self.modules[j].p, x.numel()
        kept, limit = np.empty(size, dtype=bool), np.uint64(round((1 - p) * 2**32))
        first = self.draws[j] << 32
        for start in range(0, size, BLOCK):
            stop = min(start + BLOCK, size)
            np.less(squares(first + start, stop - start, self.keys[j]), limit, out=kept[start:stop])
        self.draws[j] += 1
        mask = torch.from_numpy(kept).view(x.shape).to(x.dtype)
        return mask.mul_(1 / (1 - p) if p < 1 else 0.0).to(x.device)


def squares(first: int, count: int, key: int) -> np.ndarray:
    """The random numbers of ``count`` counters from ``first`` on, 32 bits each; at most `BLOCK` of them.

    Source: B. Widynski, "Squares: a fast counter-based RNG", 2020.
    """
    y = INDICES[:count] * np.uint64(key)
    y += np.uint64(first * key & BITS)
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
