"""Containers: modules one after another, side by side, with a shortcut, in lists and dicts."""

from plaingrad.nn.container.collections import ModuleDict, ModuleList, ParameterDict, ParameterList
from plaingrad.nn.container.graph import Graph
from plaingrad.nn.container.parallel import Parallel
from plaingrad.nn.container.residual import Residual
from plaingrad.nn.container.sequential import Sequential

__all__ = [
    "Graph",
    "ModuleDict",
    "ModuleList",
    "Parallel",
    "ParameterDict",
    "ParameterList",
    "Residual",
    "Sequential",
]
