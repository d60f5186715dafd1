"""The padding of images before a window slides over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

# For each mode: the index among an axis's n elements that is copied to position i of the padded axis, counted
# from the first element itself. An index out of range stands for a zero.
SOURCE: dict[str, Callable[[int, int], int]] = {
    "zeros": lambda i, n: i,
    "reflect": lambda i, n: n - 1 - abs(n - 1 - abs(i)),
    "replicate": lambda i, n: min(max(i, 0), n - 1),
    "circular": lambda i, n: i % n,
}


@dataclass(frozen=True)
class Margin:
    """Elements added at both ends of one axis.

    Every mode only copies elements to positions, so backward adds gradients from positions to elements.

    Args:
        axis: the axis, counted from the end.
        before: the number of elements added at the start; negative to cut off.
        after: the number added at the end; negative to cut off.
        mode: a key of `SOURCE`.
        value: stands for the zeros of that mode.
    """

    axis: int
    before: int
    after: int
    mode: str
    value: int | float = 0.0

    def most(self, size: int) -> int:
        """The number of elements that this mode can add to one end of an axis of this size."""
        any_number = max(self.before, self.after)
        limits = {"reflect": max(size - 1, 0), "replicate": any_number if size else 0, "circular": size}
        return limits.get(self.mode, any_number)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[self.axis]
        padded = list(x.shape)
        padded[self.axis] = size + self.before + self.after
        y = x.new_full(padded, self.value)
        if self._adds_zeros:
            y.narrow(self.axis, self.before, size).copy_(x)
            return y
        elements, positions = self.copies(size, x.device)
        return y.index_copy_(self.axis, positions, x.index_select(self.axis, elements))

    def backward(self, dy: Tensor) -> Tensor:
        size = dy.shape[self.axis] - self.before - self.after
        if self._adds_zeros:
            return dy.narrow(self.axis, self.before, size)
        elements, positions = self.copies(size, dy.device)
        bare = list(dy.shape)
        bare[self.axis] = size
        return dy.new_zeros(bare).index_add_(self.axis, elements, dy.index_select(self.axis, positions))

    @property
    def _adds_zeros(self) -> bool:
        return self.mode == "zeros" and min(self.before, self.after) >= 0

    def copies(self, size: int, device: torch.device) -> tuple[Tensor, Tensor]:
        """The indices of the copied elements, and the positions that they are copied to."""
        source = SOURCE[self.mode]
        padded = range(-self.before, size + self.after) if size else []
        pairs = [(source(i, size), i + self.before) for i in padded]
        copied = [pair for pair in pairs if 0 <= pair[0] < size]
        elements, positions = torch.tensor(copied, dtype=torch.int64, device=device).view(-1, 2).unbind(1)
        return elements, positions
