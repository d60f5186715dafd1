"""Normalisations, a file for each set of axes."""

from plaingrad.nn.normalization.batch import BatchNorm1d
from plaingrad.nn.normalization.layer import LayerNorm

__all__ = ["BatchNorm1d", "LayerNorm"]
