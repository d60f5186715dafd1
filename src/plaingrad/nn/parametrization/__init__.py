"""Parametrizations: layers of which one weight is computed from other parameters."""

from plaingrad.nn.parametrization.spectral import SpectralNorm
from plaingrad.nn.parametrization.weight import WeightNorm

__all__ = [
    "SpectralNorm",
    "WeightNorm",
]
