"""Layers and losses, named as torch.nn names them."""

from plaingrad.nn.activation import (
    CELU,
    ELU,
    GELU,
    GLU,
    SELU,
    Hardshrink,
    Hardsigmoid,
    Hardswish,
    Hardtanh,
    LeakyReLU,
    LogSigmoid,
    LogSoftmax,
    Mish,
    PReLU,
    ReLU,
    ReLU6,
    RReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softmax2d,
    Softmin,
    Softplus,
    Softshrink,
    Softsign,
    Tanh,
    Tanhshrink,
    Threshold,
)
from plaingrad.nn.batchnorm import BatchNorm1d
from plaingrad.nn.conv import Conv2d
from plaingrad.nn.dropout import Dropout
from plaingrad.nn.embedding import Embedding
from plaingrad.nn.layernorm import LayerNorm
from plaingrad.nn.linear import Linear
from plaingrad.nn.loss import Loss, MSELoss
from plaingrad.nn.parallel import Parallel
from plaingrad.nn.pooling import MaxPool2d
from plaingrad.nn.residual import Residual
from plaingrad.nn.sequential import Sequential
from plaingrad.nn.shape import Flatten, Identity

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "BatchNorm1d",
    "Conv2d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "Identity",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "LogSigmoid",
    "LogSoftmax",
    "Loss",
    "MSELoss",
    "MaxPool2d",
    "Mish",
    "PReLU",
    "Parallel",
    "RReLU",
    "ReLU",
    "ReLU6",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softmax2d",
    "Softmin",
    "Softplus",
    "Softshrink",
    "Softsign",
    "Tanh",
    "Tanhshrink",
    "Threshold",
]
