"""Multilayer perceptrons, and the names of what stands between their layers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch

from plaingrad import nn
from plaingrad.module import Module

NO_ACTIVATIONS = ("GLU", "LogSoftmax", "Softmax", "Softmax2d", "Softmin", "Threshold")

# scikit-learn's names beside those of torch.nn.
ACTIVATIONS: dict[str, type[Module]] = {
    **{
        name.lower(): getattr(nn.activation, name)
        for name in nn.activation.__all__
        if name not in NO_ACTIVATIONS and inspect.isclass(getattr(nn.activation, name))
    },
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
}
NORMALIZATIONS: dict[str, Callable[..., Module]] = {"batch": nn.BatchNorm1d, "layer": nn.LayerNorm}


def multilayer_perceptron(
    sizes: Sequence[int],
    activation: str,
    *,
    first: Module | None = None,
    dropout: float = 0.0,
    normalization: str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Sequential:
    """Linear layers of these sizes; after each but the last: normalisation, activation, dropout.

    Args:
        sizes: of the inputs, the hidden layers and the outputs.
        activation: a name in `ACTIVATIONS`.
        first: a module to stand before all others, which gives as many values as the first size says.
        dropout: the probability with which a hidden value becomes 0 in training; 0 for no such module.
        normalization: a name in `NORMALIZATIONS`, or None.
        dtype: of the parameters.
    """
    modules: list[Module] = [] if first is None else [first]
    for before, after in pairwise(sizes):
        modules.append(nn.Linear(before, after, dtype=dtype))
        if len(linear_layers(modules)) == len(sizes) - 1:
            break
        if normalization is not None:
            modules.append(NORMALIZATIONS[normalization](after, dtype=dtype))
        modules.append(ACTIVATIONS[activation]())
        if dropout:
            modules.append(nn.Dropout(dropout))
    return nn.Sequential(*modules)


def linear_layers(modules: Any) -> list[nn.Linear]:
    """The linear ones among some modules."""
    return [module for module in modules if isinstance(module, nn.Linear)]
