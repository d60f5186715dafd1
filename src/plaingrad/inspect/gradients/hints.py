"""Guesses at the mistake behind a wrong gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

# Computes the right gradient for changed upstream gradients: the change is applied to each of them.
Alternative = Callable[[Callable[[Tensor], Tensor]], Tensor]


def hint(ours: Tensor, right: Tensor, alternative: Alternative | None, batch: int) -> str:
    """The likely mistake as a short question, or an empty string.

    Args:
        ours: the gradient that the backward returned.
        right: the right gradient, in the same shape.
        alternative: computes the right gradient for other upstream gradients, if it is known.
        batch: the size of the batch.
    """
    return next(_guesses(ours, right, alternative, batch), "")


def _guesses(ours: Tensor, right: Tensor, alternative: Alternative | None, batch: int) -> Iterator[str]:
    if not bool(ours.any()):
        yield "zero everywhere: not accumulated, or not passed on?"
    factor = _constant_factor(ours, right)
    if factor is not None and abs(factor - 1) > 1e-3:
        yield _named_factor(factor, batch)
    if ours.ndim >= 2 and ours.shape[-1] == ours.shape[-2] and _equal(ours, right.mT):
        yield "transposed?"
    if alternative is None:
        return
    if _equal(ours, alternative(torch.ones_like)):
        yield "the upstream gradient is ignored?"
    if batch > 1:
        for sample, name in ((batch - 1, "last"), (0, "first")):
            if _equal(ours, alternative(partial(_only, sample=sample))):
                yield f"only the {name} sample counts: not summed over the batch?"


def hint_for_shape(got: tuple[int, ...], expected: tuple[int, ...]) -> str:
    """The likely reason for a wrong shape as a short question, or an empty string."""
    if got == expected[::-1]:
        return "transposed?"
    if len(got) > len(expected) and got[len(got) - len(expected) :] == expected:
        return "not summed over the batch?"
    return ""


def _only(dy: Tensor, sample: int) -> Tensor:
    kept = torch.zeros_like(dy)
    if dy.ndim and sample < len(dy):
        kept[sample] = dy[sample]
    return kept


def _equal(a: Tensor, b: Tensor) -> bool:
    return torch.allclose(a, b, rtol=1e-5, atol=1e-7 * float(b.abs().max()))


def _constant_factor(ours: Tensor, right: Tensor) -> float | None:
    if not bool(right.any()):
        return None
    factor = float((ours * right).sum() / (right * right).sum())
    return factor if _equal(ours, factor * right) else None


def _named_factor(factor: float, batch: int) -> str:
    sign = "a turned sign and " if factor < 0 else ""
    size = abs(factor)

    def near(value: float) -> bool:
        return abs(size / value - 1) < 1e-5

    if near(1):
        return "the sign is turned?"
    if batch > 1 and near(batch):
        return f"{sign}a factor of {batch}, the size of the batch?"
    if batch > 1 and near(1 / batch):
        return f"{sign}a factor of 1/{batch}, one over the size of the batch?"
    divisor = round(1 / size)
    if divisor > 1 and near(1 / divisor):
        return f"{sign}a factor of 1/{divisor}?"
    return f"{sign}a factor of {size:.5g}?"
