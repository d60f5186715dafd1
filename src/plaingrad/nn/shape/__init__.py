"""Changes of shape alone."""

from plaingrad.nn.shape.flatten import Flatten

__all__ = ["Flatten"]
