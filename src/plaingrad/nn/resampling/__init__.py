"""Layers that change the resolution of images."""

from plaingrad.nn.resampling.shuffle import ChannelShuffle, PixelShuffle, PixelUnshuffle

__all__ = ["ChannelShuffle", "PixelShuffle", "PixelUnshuffle"]
