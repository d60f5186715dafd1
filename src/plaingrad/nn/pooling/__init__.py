"""Pooling over windows."""

from plaingrad.nn.pooling.maxpool import MaxPool2d

__all__ = ["MaxPool2d"]
