"""Losses, a file for each family."""

from plaingrad.nn.loss.bce import BCELoss, BCEWithLogitsLoss
from plaingrad.nn.loss.cross_entropy import CrossEntropyLoss
from plaingrad.nn.loss.huber import HuberLoss, SmoothL1Loss
from plaingrad.nn.loss.nll import NLLLoss
from plaingrad.nn.loss.poisson import PoissonNLLLoss
from plaingrad.nn.loss.quantile import QuantileLoss
from plaingrad.nn.loss.reduction import Loss
from plaingrad.nn.loss.regression import L1Loss, MSELoss

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "Loss",
    "MSELoss",
    "NLLLoss",
    "PoissonNLLLoss",
    "QuantileLoss",
    "SmoothL1Loss",
]
