"""Layers and losses, named as torch.nn names them."""

from plaingrad.nn.activation import ReLU
from plaingrad.nn.batchnorm import BatchNorm1d
from plaingrad.nn.dropout import Dropout
from plaingrad.nn.embedding import Embedding
from plaingrad.nn.layernorm import LayerNorm
from plaingrad.nn.linear import Linear
from plaingrad.nn.loss import Loss, MSELoss
from plaingrad.nn.parallel import Parallel
from plaingrad.nn.residual import Residual
from plaingrad.nn.sequential import Sequential
from plaingrad.nn.shape import Flatten, Identity

__all__ = [
    "BatchNorm1d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Identity",
    "LayerNorm",
    "Linear",
    "Loss",
    "MSELoss",
    "Parallel",
    "ReLU",
    "Residual",
    "Sequential",
]
