"""Arithmetic as modules, for networks that are no chain."""

from plaingrad.nn.arithmetic.choice import Compare, MaskedFill, Where
from plaingrad.nn.arithmetic.einsum import Einsum
from plaingrad.nn.arithmetic.elementwise import Add, Divide, MatMul, Multiply, Power, Subtract
from plaingrad.nn.arithmetic.function import Abs, Clamp, Exp, Log, Log1p, Negative, Sqrt
from plaingrad.nn.arithmetic.reduction import Amax, Max, Mean, Norm, Sum, Var

__all__ = [
    "Abs",
    "Add",
    "Amax",
    "Clamp",
    "Compare",
    "Divide",
    "Einsum",
    "Exp",
    "Log",
    "Log1p",
    "MaskedFill",
    "MatMul",
    "Max",
    "Mean",
    "Multiply",
    "Negative",
    "Norm",
    "Power",
    "Sqrt",
    "Subtract",
    "Sum",
    "Var",
    "Where",
]
