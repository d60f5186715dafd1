"""Checks that elementwise layers share."""

from __future__ import annotations

from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


def expect_float(module: Module, x: Tensor) -> None:
    """Refuse integers and booleans, which have no gradient, and complex numbers."""
    if not x.is_floating_point():
        raise ModuleError(module, f"expected a floating-point input, got {shape(x)} of {x.dtype}")
