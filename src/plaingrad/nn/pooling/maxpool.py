"""Pooling: one value for each window."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.window import sizes
from plaingrad.parameter import shape


class MaxPool2d(Module):
    r"""Takes the largest value of each window.

    .. math::
        y_{hw} = x_{k(h, w)}, \qquad
        \frac{\partial \ell}{\partial x_{k(h, w)}} \mathrel{+}= \frac{\partial \ell}{\partial y_{hw}}, \qquad
        k(h, w) = \operatorname*{arg\,max}_{k \,\in\, \text{window}(h, w)} x_k

    Of equal values the first one counts, of NaNs, which are larger than everything, the last.

    Shapes: ``(*batch, channels, rows, columns)`` to ``(*batch, channels, new rows, new columns)`` with
    ``new = (old + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1``, rounded as ``ceil_mode``
    says, and one or no batch axis.

    Args:
        kernel_size: rows and columns of the window, or one number for both, as all that follow.
        stride: steps from one window to the next; the kernel size if None.
        padding: how far windows reach over each edge; there is nothing there that could be the largest.
        dilation: steps between neighbours in a window.
        return_indices: whether to return k too, as indices into the rows one after another.
        ceil_mode: whether to round up, so that windows may reach over the last edge.

    Raises:
        ModuleError: an argument is out of its range, the input's shape does not fit, or a window covers
            nothing, because ``dilation`` steps over the whole input.

    Source: M. Riesenhuber, T. Poggio, "Hierarchical models of object recognition in cortex", 1999.
    """

    def __init__(
        self,
        kernel_size: int | tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        padding: int | tuple[int, int] = 0,
        dilation: int | tuple[int, int] = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        self.kernel_size = sizes(self, "kernel_size", kernel_size, 2)
        self.stride = self.kernel_size if stride is None else sizes(self, "stride", stride, 2)
        self.padding = sizes(self, "padding", padding, 2, least=0)
        self.dilation = sizes(self, "dilation", dilation, 2)
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode
        if any(2 * p > k for p, k in zip(self.padding, self.kernel_size)):
            raise ModuleError(self, f"expected padding of at most half of {kernel_size}, got {padding}")

    def forward(
        self, x: Float[Tensor, "*batch rows columns"]
    ) -> (
        Float[Tensor, "*batch new_rows new_columns"]
        | tuple[Float[Tensor, "*batch new_rows new_columns"], Int[Tensor, "*batch new_rows new_columns"]]
    ):
        if x.ndim not in (3, 4):
            sizes = "(batch, channels, rows, columns) or (channels, rows, columns)"
            raise ModuleError(self, f"expected input {sizes}, got {shape(x)}")
        rows, columns = (torch.tensor(self._windows(x, axis), device=x.device) for axis in (0, 1))
        covered = (rows[:, None, :, None] * x.shape[-1] + columns[:, None, :]).flatten(-2)
        windows = x.flatten(-2)[..., covered]
        y, first = windows.max(-1)
        last = windows.shape[-1] - 1 - windows.flip(-1).max(-1).indices
        choice = torch.where(y.isnan(), last, first).unsqueeze(-1)
        indices = covered.expand_as(windows).gather(-1, choice).squeeze(-1)
        if self.return_indices:
            self.save((x.shape, indices), (y, indices))
            return y, indices
        self.save((x.shape, indices), y)
        return y

    def backward(
        self, dy: Float[Tensor, "*batch new_rows new_columns"], dindices: Tensor | None = None
    ) -> Float[Tensor, "*batch rows columns"]:
        size, indices = self.restore(dy, dindices) if self.return_indices else self.restore(dy)
        exact = widen(dy)
        dx = exact.new_zeros(size).flatten(-2)
        return narrow(dx.scatter_add_(-1, indices.flatten(-2), exact.flatten(-2)).view(size), dy.dtype)

    def _windows(self, x: Tensor, axis: int) -> list[list[int]]:
        """The rows (or columns) that each window covers; beyond an edge, the last one before it is repeated.

        A repetition changes neither the largest value nor the first or last of equal ones.
        """
        size, kernel, stride = x.shape[axis - 2], self.kernel_size[axis], self.stride[axis]
        padding, dilation = self.padding[axis], self.dilation[axis]
        room = size + 2 * padding - dilation * (kernel - 1) - 1
        count = (room + (stride - 1 if self.ceil_mode else 0)) // stride + 1
        if self.ceil_mode and (count - 1) * stride >= size + padding:  # the last one would begin outside
            count -= 1
        if count < 1 or 0 in x.shape[-3:]:
            raise ModuleError(self, f"expected input of at least one window, got {shape(x)}")
        windows = []
        for start in range(-padding, count * stride - padding, stride):
            first, last = max(0, -(start // dilation)), min(kernel - 1, (size - 1 - start) // dilation)
            if first > last:
                raise ModuleError(self, f"expected input in every window, got {shape(x)}")
            windows.append([start + dilation * min(max(i, first), last) for i in range(kernel)])
        return windows
