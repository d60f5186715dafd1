"""Windows that slide along the last axes of a tensor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError

Sizes = int | tuple[int, ...]
"""A number for each axis, or one for all."""


def sizes(module: Module, name: str, value: Sizes | list[int], axes: int, least: int = 1) -> tuple[int, ...]:
    """A number for each axis, from so many or one for all; at least ``least``.

    Raises:
        ModuleError: there are more or fewer, or one is less.
    """
    each = (value,) * axes if isinstance(value, int) else tuple(value)
    if len(each) != axes or min(each) < least:
        number = ("", "a number", "one or two numbers", "one or three numbers")[axes]
        raise ModuleError(module, f"expected {name} to be {number} from {least}, got {value}")
    return each


@dataclass(frozen=True)
class Window:
    """A window that slides along the last axes: its numbers of elements, steps, and steps between neighbours.

    Attributes:
        kernel: the number of elements along each axis.
        stride: steps from one window to the next.
        dilation: steps between neighbours in a window.
    """

    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def axes(self) -> int:
        return len(self.kernel)

    @property
    def elements(self) -> int:
        """The number of elements in a window."""
        return math.prod(self.kernel)

    @property
    def extent(self) -> tuple[int, ...]:
        """The number of steps that a window covers along each axis."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.kernel, self.dilation))

    def count(self, size: Sequence[int]) -> tuple[int, ...]:
        """The number of windows along each axis of a tensor that ends with these sizes."""
        return tuple(max(0, (n - e) // s + 1) for n, e, s in zip(size, self.extent, self.stride))

    def covered(self, count: Sequence[int]) -> tuple[int, ...]:
        """The sizes that so many windows cover."""
        return tuple((c - 1) * s + e for c, e, s in zip(count, self.extent, self.stride))

    def views(self, x: Float[Tensor, "*leading_and_size"]) -> Iterator[Float[Tensor, "*leading_and_count"]]:
        """For each element of a window, the view of ``x`` that has this element of all windows."""
        first = x.ndim - self.axes
        shape = (*x.shape[:first], *self.count(x.shape[first:]))
        along = x.stride()[first:]
        strides = (*x.stride()[:first], *(step * s for step, s in zip(along, self.stride)))
        neighbours = [step * d for step, d in zip(along, self.dilation)]
        for position in itertools.product(*map(range, self.kernel)):
            offset = x.storage_offset() + sum(p * step for p, step in zip(position, neighbours))
            yield x.as_strided(shape, strides, offset)

    def columns(
        self, x: Float[Tensor, "batch channels *size"]
    ) -> Float[Tensor, "batch channels_and_elements windows"]:
        """Each window of all channels as a column."""
        windows = x
        for axis, (extent, stride, dilation) in enumerate(zip(self.extent, self.stride, self.dilation), 2):
            windows = windows.unfold(axis, extent, stride)[..., ::dilation]
        order = [0, 1, *range(2 + self.axes, 2 + 2 * self.axes), *range(2, 2 + self.axes)]
        count = windows.shape[2 : 2 + self.axes].numel()
        return windows.permute(order).reshape(len(x), x.shape[1] * self.elements, count)

    def add_columns(
        self,
        columns: Float[Tensor, "batch channels_and_elements windows"],
        x: Float[Tensor, "batch channels *size"],
    ) -> None:
        """Add each element of the columns to the element of ``x`` that it would come from."""
        parts = columns.view(len(x), x.shape[1], self.elements, *self.count(x.shape[2:]))
        for view, part in zip(self.views(x), parts.unbind(2)):
            view.add_(part)

    def with_point(self) -> Window:
        """The window with one more axis, the last, along which each of its elements stands alone."""
        return Window((*self.kernel, 1), (*self.stride, 1), (*self.dilation, 1))

    @property
    def is_point(self) -> bool:
        """True if each element is a window of its own."""
        return self.elements == 1 and set(self.stride) == {1}


def batched(x: Tensor, axes: int) -> Tensor:
    """``x`` with a batch axis before the channels, if it has none."""
    return x.unsqueeze(0) if x.ndim == axes + 1 else x


def like(y: Tensor, x: Tensor) -> Tensor:
    """``y`` without the batch axis that `batched` has added to ``x``."""
    return y if y.ndim == x.ndim else y.squeeze(0)


def zeros_around(
    x: Float[Tensor, "*shape"], before: Sequence[int], after: Sequence[int]
) -> Float[Tensor, "*new_shape"]:
    """``x`` with so many zeros at both ends of each of its last axes; negative numbers cut off."""
    for axis, (start, end) in enumerate(zip(before, after), x.ndim - len(before)):
        first, size = max(0, -start), x.shape[axis]
        x = x.narrow(axis, first, size - first - max(0, -end))
        if start > 0 or end > 0:
            padded = list(x.shape)
            padded[axis] += max(0, start) + max(0, end)
            y = x.new_zeros(padded)
            y.narrow(axis, max(0, start), x.shape[axis]).copy_(x)
            x = y
    return x
