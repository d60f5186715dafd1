"""Layers that only change the shape."""

from plaingrad.nn.shape.flatten import Flatten

__all__ = ["Flatten"]
