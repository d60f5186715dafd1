"""Detection of inputs with so many zeros that skipping them pays."""

from __future__ import annotations

from torch import Tensor

from plaingrad import nn
from plaingrad.module import Module

SAMPLES = 600
LEAST_SHARE = 0.35  # of zeros, below which the sums without them would take as long
LEAST_COLUMNS = 32

HALVING: set[type[Module]] = {nn.ReLU, nn.ReLU6}
"""Activations that give 0 for about half of what they get."""

KEEPING: set[type[Module]] = {nn.Dropout, nn.Flatten}
"""Modules that give 0 wherever they get it."""


def mostly_zero(inputs: Tensor) -> bool:
    """True if among some `SAMPLES` of these, ``(n, ...)``, there are enough zeros."""
    rows = inputs[:: max(1, len(inputs) // SAMPLES)]
    return int(rows.count_nonzero()) <= (1 - LEAST_SHARE) * rows.numel()


def gives_zeros(module: Module, has_zeros: bool) -> bool:
    """True if enough of a module's outputs are 0; ``has_zeros`` says the same of its inputs."""
    return type(module) in HALVING or (has_zeros and type(module) in KEEPING)
