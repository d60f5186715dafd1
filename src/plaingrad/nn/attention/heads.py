"""Heads: vectors of each position in several parts, each head's together, and back again."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.parameter import Parameter, learned

Heads = Float[Tensor, "rows length size"]


def batch_axis(x: Tensor, batch_first: bool) -> int:
    """The axis of the batch, or the one to put it at; what has no batch is one sample."""
    return 0 if batch_first or x.ndim == 2 else 1


def lengths(x: Tensor, batch_first: bool) -> tuple[int, int]:
    """The numbers of samples and of positions."""
    if x.ndim == 2:
        return 1, x.shape[0]
    return (x.shape[0], x.shape[1]) if batch_first else (x.shape[1], x.shape[0])


def split(vectors: Float[Tensor, "positions numbers"], x: Tensor, heads: int, batch_first: bool) -> Heads:
    """The parts of vectors, one below the other: a row for each head of each sample.

    Args:
        vectors: one for each position of ``x``, in its order.
        x: the input that they come from.
        heads: the number of parts.
        batch_first: the order of the axes of ``x``.
    """
    batch, length = lengths(x, batch_first)
    size = vectors.shape[1] // heads
    if batch_axis(x, batch_first):
        parts = vectors.view(length, batch, heads, size).permute(1, 2, 0, 3)
    else:
        parts = vectors.view(batch, length, heads, size).permute(0, 2, 1, 3)
    return parts.reshape(batch * heads, length, size)


def joined(parts: Heads, x: Tensor, heads: int, batch_first: bool) -> Float[Tensor, "positions numbers"]:
    """The reverse of `split`."""
    batch, length = lengths(x, batch_first)
    size = parts.shape[2]
    order = (2, 0, 1, 3) if batch_axis(x, batch_first) else (0, 2, 1, 3)
    return parts.reshape(batch, heads, length, size).permute(order).reshape(batch * length, heads * size)


def with_more(
    parts: Heads, more: Parameter | None, heads: int, zero: bool
) -> Float[Tensor, "rows more size"]:
    """The keys or values with a learned one, and one of zeros, behind those of each sample."""
    all_parts = [parts]
    if more is not None:
        each = more.value.to(parts.dtype).view(heads, 1, -1)
        all_parts.append(each.repeat(len(parts) // heads, 1, 1))
    if zero:
        all_parts.append(parts.new_zeros(len(parts), 1, parts.shape[2]))
    return parts if len(all_parts) == 1 else torch.cat(all_parts, 1)


def learn_more(dparts: Heads, parameter: Parameter | None, heads: int) -> None:
    """Add the gradient of a learned key or value; ``dparts`` begin with its own."""
    if learned(parameter):
        each = dparts[:, 0].reshape(len(dparts) // heads, heads * dparts.shape[2])
        parameter.grad.add_(each.sum(0).view(1, 1, -1))
