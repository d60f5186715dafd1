"""Layers and losses, named as torch.nn names them."""

from plaingrad.nn.activation import ReLU
from plaingrad.nn.linear import Linear
from plaingrad.nn.loss import Loss, MSELoss
from plaingrad.nn.sequential import Sequential

__all__ = ["Linear", "Loss", "MSELoss", "ReLU", "Sequential"]
