"""Affine maps."""

from plaingrad.nn.linear.bilinear import Bilinear
from plaingrad.nn.linear.identity import Identity
from plaingrad.nn.linear.linear import Linear

__all__ = ["Bilinear", "Identity", "Linear"]
