"""Activations, a file for each family."""

from plaingrad.nn.activation.elu import CELU, ELU, SELU
from plaingrad.nn.activation.gelu import GELU
from plaingrad.nn.activation.glu import GLU
from plaingrad.nn.activation.leaky import LeakyReLU, PReLU, RReLU
from plaingrad.nn.activation.relu import ReLU, ReLU6, Threshold
from plaingrad.nn.activation.shrink import Hardshrink, Softshrink
from plaingrad.nn.activation.sigmoid import Hardsigmoid, LogSigmoid, Sigmoid
from plaingrad.nn.activation.silu import Hardswish, SiLU
from plaingrad.nn.activation.softmax import LogSoftmax, Softmax, Softmax2d, Softmin
from plaingrad.nn.activation.softplus import Mish, Softplus, Softsign
from plaingrad.nn.activation.tanh import Hardtanh, Tanh, Tanhshrink

__all__ = [
    "CELU",
    "ELU",
    "GELU",
    "GLU",
    "SELU",
    "Hardshrink",
    "Hardsigmoid",
    "Hardswish",
    "Hardtanh",
    "LeakyReLU",
    "LogSigmoid",
    "LogSoftmax",
    "Mish",
    "PReLU",
    "RReLU",
    "ReLU",
    "ReLU6",
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
