"""Layers and losses, named as torch.nn names them."""

from plaingrad.nn.activation import ReLU
from plaingrad.nn.linear import Linear
from plaingrad.nn.loss import (
    BCELoss,
    BCEWithLogitsLoss,
    CrossEntropyLoss,
    HuberLoss,
    L1Loss,
    Loss,
    MSELoss,
    NLLLoss,
    SmoothL1Loss,
)
from plaingrad.nn.sequential import Sequential

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HuberLoss",
    "L1Loss",
    "Linear",
    "Loss",
    "MSELoss",
    "NLLLoss",
    "ReLU",
    "Sequential",
    "SmoothL1Loss",
]
