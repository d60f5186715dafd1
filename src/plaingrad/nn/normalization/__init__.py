"""Normalisations, a file for each set of axes."""

from plaingrad.nn.normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from plaingrad.nn.normalization.layer import LayerNorm
from plaingrad.nn.normalization.sync import SyncBatchNorm

__all__ = ["BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "LayerNorm", "SyncBatchNorm"]
