"""Parts of a tensor, or of several outputs."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from plaingrad.module import Module


class Select(Module):
    r"""A part of a tensor by an index; or one of several outputs, such as those of an LSTM.

    .. math::
        y = x[k], \qquad
        \frac{\partial \ell}{\partial x} = \sum_j \frac{\partial \ell}{\partial y_j} e_{k_j}

    where :math:`e_k` is 1 at k and 0 elsewhere: what was selected twice gets both gradients.

    Shapes: as indices of tensors have them: ``Select(0)`` is the first output of several, or the first
    sample; ``Select((slice(None), -1))`` the last of the second axis.

    Args:
        index: an integer, a slice, ``...``, None for a new axis, or several of these in a tuple. If left
            out, it comes with the input, as a second argument of forward, and may hold tensors of integers or
            truth values too.

    Raises:
        ModuleError: the input has no such part.
    """

    def __init__(self, index: Any = ()) -> None:
        self.index = index

    def forward(self, x: Any, index: Any = None) -> Any:
        k = self.index if index is None else index
        y = x[k]
        if isinstance(x, Tensor):
            self.save((k, x.shape, False), y)
        elif not isinstance(x, torch.Size):
            self.save((k, len(x), isinstance(y, tuple)), y)
        return y

    def backward(self, *dys: Any) -> tuple[Any, None]:
        k, size, is_several = self.restore(*dys)
        if isinstance(size, int):  # of several outputs, the others of which have no gradient from here
            dxs: list[Any] = [None] * size
            dxs[k] = dys if is_several else dys[0]
            return tuple(dxs), None
        (dy,) = dys
        dx = dy.new_zeros(size)
        if holds_tensor(k):  # which may select an element twice
            positions = torch.arange(dx.numel(), device=dx.device).view(size)[k]
            dx.view(-1).index_add_(0, positions.reshape(-1), dy.reshape(-1))
        else:
            dx[k] = dy
        return dx, None


def holds_tensor(index: Any) -> bool:
    """True if a tensor or a list of indices is in an index."""
    return any(isinstance(each, (Tensor, list)) for each in (index if isinstance(index, tuple) else (index,)))
