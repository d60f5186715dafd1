"""Layers that only change the shape."""

from plaingrad.nn.shape.flatten import Flatten
from plaingrad.nn.shape.unflatten import Unflatten

__all__ = ["Flatten", "Unflatten"]
