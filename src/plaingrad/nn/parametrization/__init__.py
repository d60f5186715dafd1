"""Parametrizations: layers whose weights are computed."""

from plaingrad.nn.parametrization.call import FunctionalCall
from plaingrad.nn.parametrization.spectral import SpectralNorm
from plaingrad.nn.parametrization.weight import WeightNorm

__all__ = [
    "FunctionalCall",
    "SpectralNorm",
    "WeightNorm",
]
