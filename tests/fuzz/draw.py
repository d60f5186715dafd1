"""Random numbers of every kind, in tensors of every layout."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

DTYPES = (torch.float32, torch.float32, torch.float64, torch.float16, torch.bfloat16)
KINDS = ("ordinary", "ordinary", "large", "whole", "constant", "special", "special")
SPECIAL = (0.0, -0.0, 1e-310, -1e-40, 1e-7, 1000.0, -1000.0, 1e20, -1e20, math.inf, -math.inf, math.nan)


class Draw:
    """A stream of random decisions that a number gives.

    Args:
        case: the number.
    """

    def __init__(self, case: int) -> None:
        self.random = random.Random(case)
        self.generator = torch.Generator().manual_seed(case)

    def one(self, *values: Any) -> Any:
        """One of the values."""
        return self.random.choice(values)

    def chance(self, share: float) -> bool:
        """True so often."""
        return self.random.random() < share

    def size(self, least: int = 0) -> int:
        """A length of an axis: often 1, seldom 0, sometimes more than a vector of the processor has lanes."""
        return max(least, self.one(0, 1, 1, 2, 3, 4, 5, 7, 19, 35))

    def shape(self, least: int = 0, most: int = 4) -> tuple[int, ...]:
        """Any shape with so many axes."""
        axes = self.random.randint(least, most)
        return tuple(min(self.size(), 7) if axes > 2 else self.size() for _ in range(axes))

    def number(self, low: float, high: float) -> float:
        """A number between the two, one of them, or a half."""
        return self.one(low, high, (low + high) / 2, self.random.uniform(low, high))

    def tensor(self, shape: Sequence[int], dtype: torch.dtype, kind: str = "ordinary") -> Tensor:
        """A tensor of one kind of numbers, in any layout."""
        return self.one(*LAYOUTS)(self, self.numbers(shape, kind).to(dtype))

    def numbers(self, shape: Sequence[int], kind: str) -> Tensor:
        """Numbers in float64."""
        x = torch.randn(tuple(shape), generator=self.generator, dtype=torch.float64)
        if kind == "large":
            return x * self.one(30.0, 300.0)
        if kind == "whole":
            return x.round()
        if kind == "constant":
            return torch.full_like(x, self.one(0.0, 1.0, -3.0, 0.7))
        if kind == "special":
            chosen = torch.randint(len(SPECIAL), x.shape, generator=self.generator)
            rare = torch.rand(x.shape, generator=self.generator) < self.one(0.05, 0.5)
            return torch.where(rare, torch.tensor(SPECIAL, dtype=torch.float64)[chosen], x)
        return x

    def whole(self, low: int, high: int, shape: Sequence[int]) -> Tensor:
        """Integers from low to high, both included."""
        return torch.randint(low, high + 1, tuple(shape), generator=self.generator)


def contiguous(draw: Draw, x: Tensor) -> Tensor:
    return x


def expanded(draw: Draw, x: Tensor) -> Tensor:
    """One row in place of every row of an axis, without memory of its own."""
    if not x.numel() or not x.ndim:
        return x
    return x.narrow(draw.random.randrange(x.ndim), 0, 1).expand_as(x)


def permuted(draw: Draw, x: Tensor) -> Tensor:
    """The same numbers with the axes in another order in memory."""
    order = list(range(x.ndim))
    draw.random.shuffle(order)
    back = sorted(range(x.ndim), key=order.__getitem__)
    return x.permute(order).contiguous().permute(back)


def channels_last(draw: Draw, x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def strided(draw: Draw, x: Tensor) -> Tensor:
    """The same numbers two elements apart, not from the beginning of their memory on."""
    return torch.stack([x, x], -1)[..., 1]


LAYOUTS: tuple[Callable[[Draw, Tensor], Tensor], ...] = (
    contiguous,
    contiguous,
    expanded,
    permuted,
    channels_last,
    strided,
)
