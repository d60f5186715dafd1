"""A possible name for a mistake, with its price."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from plaingrad.inspect.gradients.finding import Mistake


@dataclass(frozen=True)
class Candidate:
    """A mistake that gives the very numbers that the backward gave.

    Attributes:
        price: the smaller, the simpler the explanation; what is simplest is named first.
        mistake: the mistake.
    """

    price: float
    mistake: Mistake


def candidate(price: float, kind: str, where: str, words: str) -> Candidate:
    """A candidate from the fields of its mistake."""
    return Candidate(price, Mistake(kind, where, words))


def same(a: Tensor, b: Tensor, tolerance: float = 1e-7) -> bool:
    """True if two gradients are equal but for rounding."""
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    scale = float(b.abs().max()) if b.numel() else 0.0
    if not math.isfinite(scale):
        return False
    return torch.allclose(a, b, rtol=tolerance, atol=tolerance * scale / 10 + 1e-14)
