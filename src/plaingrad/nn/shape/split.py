"""Division of a tensor along an axis."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError


class Split(Module):
    r"""Divides a tensor along an axis into pieces of some size, or of these sizes.

    .. math::
        [y_1, \dots, y_n] = x, \qquad
        \frac{\partial \ell}{\partial x}
            = \Big[\frac{\partial \ell}{\partial y_1}, \dots, \frac{\partial \ell}{\partial y_n}\Big]

    Shapes: any, to n tensors that are smaller along the axis ``dim``.

    Args:
        split_size: the size of each piece, of which the last may be smaller; or the sizes of all.
        dim: the axis; negative ones count from the end.

    Raises:
        ModuleError: there is no such axis, or the sizes do not add up to its size.
    """

    def __init__(self, split_size: int | list[int], dim: int = 0) -> None:
        self.split_size = split_size
        self.dim = dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        parts = torch.split(x, self.split_size, self.dim)
        self.save([part.shape for part in parts], parts)
        return parts

    def backward(self, *dys: Tensor | None) -> Tensor:
        return rejoined(dys, self.restore(*dys), self.dim)


class Chunk(Module):
    r"""Divides a tensor along an axis into so many pieces of equal size, the last of which may be smaller.

    .. math::
        [y_1, \dots, y_n] = x, \qquad
        \frac{\partial \ell}{\partial x}
            = \Big[\frac{\partial \ell}{\partial y_1}, \dots, \frac{\partial \ell}{\partial y_n}\Big]

    Shapes: any, to at most n tensors that are smaller along the axis ``dim``.

    Args:
        chunks: the number n of pieces.
        dim: the axis; negative ones count from the end.

    Raises:
        ModuleError: there is no such axis, or n is below 1.
    """

    def __init__(self, chunks: int, dim: int = 0) -> None:
        if chunks < 1:
            raise ModuleError(self, f"expected chunks of at least 1, got {chunks}")
        self.chunks = chunks
        self.dim = dim

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        parts = torch.chunk(x, self.chunks, self.dim)
        self.save([part.shape for part in parts], parts)
        return parts

    def backward(self, *dys: Tensor | None) -> Tensor:
        return rejoined(dys, self.restore(*dys), self.dim)


def rejoined(dys: tuple[Tensor | None, ...], sizes: list[torch.Size], dim: int) -> Tensor:
    """The gradients of the pieces in one, zeros for those that nothing used."""
    used = next(dy for dy in dys if dy is not None)
    pieces = [used.new_zeros(size) if dy is None else dy for dy, size in zip(dys, sizes)]
    return torch.cat(pieces, dim)
