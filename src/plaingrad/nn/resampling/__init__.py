"""Layers that change the resolution of images."""

from plaingrad.nn.resampling.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle
from plaingrad.nn.resampling.upsample import Upsample, UpsamplingBilinear2d, UpsamplingNearest2d

__all__ = [
    "ChannelShuffle",
    "PixelShuffle",
    "PixelUnshuffle",
    "Upsample",
    "UpsamplingBilinear2d",
    "UpsamplingNearest2d",
]
