"""Initialisers."""

from __future__ import annotations

from plaingrad.parameter import Parameter


def uniform_(parameter: Parameter, low: float = 0.0, high: float = 1.0) -> Parameter:
    parameter.value.uniform_(low, high)
    return parameter
