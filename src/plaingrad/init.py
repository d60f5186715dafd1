"""Initialisers."""

from __future__ import annotations

import math

from plaingrad.parameter import Buffer, Parameter


def uniform_(parameter: Parameter, low: float = 0.0, high: float = 1.0) -> Parameter:
    parameter.value.uniform_(low, high)
    return parameter


def normal_(parameter: Parameter | Buffer, mean: float = 0.0, std: float = 1.0) -> Parameter | Buffer:
    parameter.value.normal_(mean, std)
    return parameter


def kaiming_uniform_(parameter: Parameter, a: float = 0.0) -> Parameter:
    fan_in = parameter.value[0].numel() if parameter.value.numel() else 1
    std = math.sqrt(2.0 / (1 + a**2)) / math.sqrt(fan_in)
    bound = math.sqrt(3.0) * std  # in torch.nn's order of rounding
    return uniform_(parameter, -bound, bound)
