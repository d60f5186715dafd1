"""Losses, a file for each family."""

from plaingrad.nn.loss.reduction import Loss
from plaingrad.nn.loss.regression import MSELoss

__all__ = ["Loss", "MSELoss"]
