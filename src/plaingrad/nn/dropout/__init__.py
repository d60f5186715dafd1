"""Layers that drop a part of their input at random, in training alone."""

from plaingrad.nn.dropout.alpha import AlphaDropout, FeatureAlphaDropout
from plaingrad.nn.dropout.channels import Dropout1d, Dropout2d, Dropout3d
from plaingrad.nn.dropout.dropout import Dropout

__all__ = ["AlphaDropout", "Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "FeatureAlphaDropout"]
