"""Convolutions."""

from plaingrad.nn.convolution.conv import Conv2d

__all__ = ["Conv2d"]
