"""Masks of attention: which key a query may not look at, or by how much its score changes."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape

Mask = Float[Tensor, "..."] | Bool[Tensor, "..."] | None
"""Of truth values, where True hides a key, or of numbers that are added to the scores."""


def square_subsequent_mask(
    sz: int, device: torch.device | str | None = None, dtype: torch.dtype | None = None
) -> Float[Tensor, "sz sz"]:
    """Minus infinity above the diagonal, and 0 elsewhere: no position sees a later one."""
    return torch.full((sz, sz), -math.inf, device=device, dtype=dtype).triu(1)


def expect_mask(module: Module, name: str, mask: Mask, sizes: list[tuple[int, ...]], x: Tensor) -> None:
    """Refuse a mask of none of these shapes, or of another type than truth values and that of the input."""
    if mask is not None and (shape(mask) not in sizes or mask.dtype not in (torch.bool, x.dtype)):
        expected = f"{' or '.join(map(str, sizes))} of torch.bool or {x.dtype}"
        raise ModuleError(module, f"expected {name} {expected}, got {shape(mask)} of {mask.dtype}")


def added_to_scores(
    attn_mask: Mask, key_padding_mask: Mask, heads: int, more: int, dtype: torch.dtype
) -> Float[Tensor, "rows queries keys"] | None:
    """Both masks as one, to be added to the scores of all heads of all samples.

    Args:
        attn_mask: shape ``(queries, keys)`` or ``(batch * heads, queries, keys)``.
        key_padding_mask: shape ``(batch, keys)``, or ``(keys,)`` of one sample.
        heads: the number of heads.
        more: the number of keys that every query sees, behind the others.
        dtype: the type of the scores.
    """
    total = None if attn_mask is None else _as_numbers(attn_mask, dtype)
    if total is not None and total.ndim == 2:
        total = total.unsqueeze(0)
    if key_padding_mask is not None:
        padding = key_padding_mask if key_padding_mask.ndim == 2 else key_padding_mask.unsqueeze(0)
        padding = _as_numbers(padding, dtype).repeat_interleave(heads, 0).unsqueeze(1)
        total = padding if total is None else total + padding
    if total is None or not more:
        return total
    return torch.cat([total, total.new_zeros(*total.shape[:2], more)], 2)


def mask_gradients(
    dscores: Float[Tensor, "rows queries keys"], attn_mask: Mask, key_padding_mask: Mask, heads: int
) -> tuple[Tensor | None, Tensor | None]:
    """The gradients of both masks, where they are of numbers: sums of those of the scores.

    Args:
        dscores: the gradient of the scores, keys behind the masked ones left out.
        attn_mask: as it was added.
        key_padding_mask: as it was added.
        heads: the number of heads.
    """
    dattn = dpadding = None
    if attn_mask is not None and attn_mask.is_floating_point():
        dattn = (dscores.sum(0) if attn_mask.ndim == 2 else dscores).to(attn_mask.dtype)
    if key_padding_mask is not None and key_padding_mask.is_floating_point():
        rows, _, keys = dscores.shape
        by_sample = dscores.sum(1).view(rows // heads, heads, keys).sum(1)
        dpadding = by_sample.view(key_padding_mask.shape).to(key_padding_mask.dtype)
    return dattn, dpadding


def _as_numbers(mask: Tensor, dtype: torch.dtype) -> Tensor:
    if mask.is_floating_point():
        return mask.to(dtype)
    return torch.zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)
