"""Convolution, and windows as columns."""

from plaingrad.nn.convolution.conv import Conv1d, Conv2d, Conv3d
from plaingrad.nn.convolution.fold import Fold, Unfold
from plaingrad.nn.convolution.transposed import ConvTranspose1d, ConvTranspose2d, ConvTranspose3d

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "Fold",
    "Unfold",
]
