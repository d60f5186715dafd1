"""The elements that the windows of pooling reach along one axis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


@dataclass(frozen=True)
class Reach:
    """For each window along an axis, its elements: ``start + dilation * p`` for each p below its length.

    Attributes:
        starts: the first element of each window.
        lengths: the number of elements of each, at least 1.
        dilation: steps between neighbours in a window.
    """

    starts: list[int]
    lengths: list[int]
    dilation: int = 1

    @classmethod
    def sliding(
        cls, size: int, kernel: int, stride: int, padding: int = 0, dilation: int = 1, ceil_mode: bool = False
    ) -> Reach:
        """Windows that slide along ``size`` elements, without what they reach beyond the edges."""
        room = size + 2 * padding - dilation * (kernel - 1) - 1
        count = (room + (stride - 1 if ceil_mode else 0)) // stride + 1
        if ceil_mode and (count - 1) * stride >= size + padding:  # the last one would begin outside
            count -= 1
        starts, lengths = [], []
        for start in range(-padding, count * stride - padding, stride):
            first = max(0, -(start // dilation))  # its elements before this one lie before the axis
            starts.append(start + dilation * first)
            lengths.append(min(kernel - 1, (size - 1 - start) // dilation) - first + 1)
        return cls(starts, lengths, dilation)

    @classmethod
    def adaptive(cls, size: int, count: int) -> Reach:
        """So many windows, alike as far as can be, that cover ``size`` elements."""
        starts = [i * size // count for i in range(count)]
        return cls(starts, [-(-(i + 1) * size // count) - start for i, start in enumerate(starts)])

    def covers(self, module: Module, x: Tensor) -> Reach:
        """The reach itself, if there are windows, and each covers something.

        Raises:
            ModuleError: that is not so.
        """
        if not self.starts:
            raise ModuleError(module, f"expected input of at least one window, got {shape(x)}")
        if min(self.lengths) < 1:
            raise ModuleError(module, f"expected input in every window, got {shape(x)}")
        return self

    def elements(self, x: Tensor, axis: int) -> Iterator[tuple[Tensor, Tensor | None]]:
        """Element p of all windows along an axis of ``x``, for each p, and where there is one.

        That is None where all windows have one; else the last of a window stands for what it has not.
        """
        step = self._step()
        for p in range(max(self.lengths)):
            if step:
                start, count = self.starts[0] + p * self.dilation, len(self.starts)
                span = x.narrow(axis, start, (count - 1) * step + 1)
                yield span[(slice(None),) * (axis % x.ndim) + (slice(None, None, step),)], None
            else:
                yield x.index_select(axis, self._positions(p, x.device)), self._valid(p, x, axis)

    def add(self, dy: Float[Tensor, "*count"], dx: Float[Tensor, "*size"], axis: int) -> None:
        """Add what belongs to each window to all its elements."""
        if self._step():
            for view, _ in self.elements(dx, axis):
                view.add_(dy)
            return
        for p in range(max(self.lengths)):
            valid = self._valid(p, dy, axis)
            part = dy if valid is None else torch.where(valid, dy, 0)
            dx.index_add_(axis, self._positions(p, dy.device), part)

    def _step(self) -> int:
        """The step between windows that are all alike, else 0."""
        steps = {after - before for before, after in zip(self.starts, self.starts[1:])} or {1}
        return max(0, *steps) if len(steps) == 1 == len(set(self.lengths)) else 0

    def _positions(self, p: int, device: torch.device) -> Tensor:
        positions = [s + self.dilation * min(p, n - 1) for s, n in zip(self.starts, self.lengths)]
        return torch.tensor(positions, device=device)

    def _valid(self, p: int, x: Tensor, axis: int) -> Tensor | None:
        if p < min(self.lengths):
            return None
        valid = torch.tensor([p < n for n in self.lengths], device=x.device)
        return valid.view(-1, *[1] * (-(axis % -x.ndim) - 1))


@dataclass(frozen=True)
class PlaneReach:
    """The windows along one axis, other ones in each plane: in each channel of each sample.

    Attributes:
        starts: the first element of each window, shape ``(*batch, channels, count)``.
        kernel: the number of elements of a window.
        axes: the number of axes behind the channels.
    """

    starts: Tensor
    kernel: int
    axes: int

    @classmethod
    def drawn(cls, samples: Tensor, size: int, kernel: int, count: int, axes: int) -> PlaneReach:
        """Windows whose steps are all alike before they are rounded, from the first element to the last.

        Args:
            samples: for each plane how far the first step is cut off, from 0 to 1.
            size: the number of elements.
            kernel: the number of elements of a window.
            count: the number of windows.
            axes: the number of axes behind the channels.
        """
        step = samples.new_tensor((size - kernel) / (count - 1) if count > 1 else 0)
        s = samples.unsqueeze(-1)
        i = torch.arange(count, device=s.device, dtype=s.dtype)
        starts = ((i + s) * step).long() - (s * step).long()
        starts[..., -1:] = size - kernel
        return cls(starts, kernel, axes)

    def covers(self, module: Module, x: Tensor) -> PlaneReach:
        """The reach itself, in which each window covers something."""
        return self

    def elements(self, x: Tensor, axis: int) -> Iterator[tuple[Tensor, None]]:
        """Element p of all windows along an axis of ``x``, for each p."""
        planes, along = self.starts.shape[:-1], [1] * self.axes
        x = x.expand(*planes, *x.shape[-self.axes :])
        size = list(x.shape)
        size[axis] = along[axis] = self.starts.shape[-1]
        for p in range(self.kernel):
            index = (self.starts + p).view(*planes, *along)
            yield x.gather(axis, index.expand(size)), None
