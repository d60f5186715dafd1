"""Normalisations, a file for each set of axes."""

from plaingrad.nn.normalization.batch import BatchNorm1d, BatchNorm2d, BatchNorm3d
from plaingrad.nn.normalization.group import GroupNorm
from plaingrad.nn.normalization.instance import InstanceNorm1d, InstanceNorm2d, InstanceNorm3d
from plaingrad.nn.normalization.layer import LayerNorm
from plaingrad.nn.normalization.response import CrossMapLRN2d, LocalResponseNorm
from plaingrad.nn.normalization.rms import RMSNorm
from plaingrad.nn.normalization.sync import SyncBatchNorm

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "CrossMapLRN2d",
    "GroupNorm",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
    "LayerNorm",
    "LocalResponseNorm",
    "RMSNorm",
    "SyncBatchNorm",
]
