"""Dropout."""

from plaingrad.nn.dropout.dropout import Dropout

__all__ = ["Dropout"]
