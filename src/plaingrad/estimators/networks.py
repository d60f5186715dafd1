"""Networks for tables: linear layers with activations, normalisation and dropout between them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from plaingrad import init, nn
from plaingrad.module import Module, ModuleError
from plaingrad.train.evaluation import outputs

# They mix the columns of a layer, or need arguments.
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


def initialize(module: Module, activation: str, random_state: np.random.RandomState) -> None:
    """Draw weights and biases as scikit-learn draws them: the same numbers from the same state.

    Source: X. Glorot, Y. Bengio, "Understanding the difficulty of training deep feedforward neural
    networks", 2010.
    """
    gain = 2.0 if activation == "logistic" else 6.0
    for layer in linear_layers(module.modules()):
        bound = math.sqrt(gain / (layer.in_features + layer.out_features))
        weight = random_state.uniform(-bound, bound, (layer.in_features, layer.out_features))
        layer.weight.value = torch.from_numpy(weight.T).to(layer.weight.value)
        if layer.bias is not None:
            bias = random_state.uniform(-bound, bound, layer.out_features)
            layer.bias.value = torch.from_numpy(bias).to(layer.bias.value)


def network_from(
    given: Module | Callable[[int, int], Module],
    inputs: int,
    columns: int,
    random_state: np.random.RandomState,
    dtype: torch.dtype,
) -> Module:
    """A copy of a network, or what a function makes of the numbers of inputs and outputs.

    Raises:
        ValueError: it is no network, or does not give as many outputs for as many inputs.
    """
    _expect_maker(given)
    generator = torch.Generator().manual_seed(int(random_state.randint(2**31)))
    with init.drawing_from(generator):
        made = copy.deepcopy(given) if isinstance(given, Module) else given(inputs, columns)
    if not isinstance(made, Module):
        raise ValueError(f"module: expected a function that returns a plaingrad Module, got {_told(made)}")
    if not made.parameters():
        raise ValueError(f"module: expected a network with parameters to train, got {made!r}")
    made.to(dtype)
    shape = tuple(outputs(made, torch.zeros(2, inputs, dtype=dtype), 2).shape)
    if shape != (2, columns):
        expected = f"outputs (2, {columns}) for inputs (2, {inputs})"
        raise ValueError(f"module: expected a network with {expected}, got {shape}")
    return made


def _expect_maker(given: Any) -> None:
    """Refuse what is neither a network nor a function of the numbers of inputs and outputs."""
    if isinstance(given, Module):
        return
    if isinstance(given, torch.nn.Module):
        raise ValueError(f"module: expected a plaingrad Module or a function, got {_told(given)}")
    try:
        signature = inspect.signature(given)
    except (TypeError, ValueError):  # which some functions in C do not have
        return
    try:
        signature.bind(1, 1)
    except TypeError:
        expected = "a function of the numbers of inputs and outputs that returns a plaingrad Module"
        raise ValueError(f"module: expected {expected}, got one of {signature}") from None


def _told(made: Any) -> str:
    """A value that is no network of plaingrad, for messages."""
    if isinstance(made, torch.nn.Module):
        return f"torch.nn's {type(made).__name__}, of which plaingrad.interop.from_torch makes one"
    return f"{made!r:.100}"


def linear_layers(modules: Any) -> list[nn.Linear]:
    """The linear ones among some modules."""
    return [module for module in modules if isinstance(module, nn.Linear)]


def weights_and_others(module: Module) -> tuple[list[Any], list[Any]]:
    """The parameters that a penalty on large weights is for, and those that it leaves alone."""
    weights = list(_weights(module))
    held = set(map(id, weights))
    return weights, [parameter for parameter in module.parameters() if id(parameter) not in held]


def _weights(module: Module) -> Iterator[Any]:
    """Parameters of more than one axis: biases, and the scales of a normalisation, have one."""
    yield from (parameter for parameter in module.parameters() if parameter.value.ndim > 1)


def expect_outputs(members: Sequence[Module], features: int, width: int, owner: str = "") -> None:
    """Refuse networks that do not make this many outputs of this many features.

    Args:
        members: the networks.
        features: columns of their input.
        width: columns of their output.
        owner: whose features they are, for errors, such as "the encoder's ".

    Raises:
        ValueError: one does not.
    """
    for member in members:
        if not member.parameters():
            raise ValueError("expected a network with parameters, got one without")
        try:
            zeros = torch.zeros(2, features, dtype=member.parameters()[0].value.dtype)
            shape = tuple(outputs(member, zeros, 2).shape)
        except (ModuleError, RuntimeError, IndexError) as error:
            raise ValueError(f"expected a network for {owner}{features} features: {error}") from None
        if shape != (2, width):
            raise ValueError(
                f"expected a network with {width} outputs for a row, got shape {shape} for 2 rows"
            )
