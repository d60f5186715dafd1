"""Networks for tables: linear layers with activations, normalisation and dropout between them."""

from __future__ import annotations

import copy
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from plaingrad import init, nn
from plaingrad.errors import InputError
from plaingrad.estimators.codes import Codes
from plaingrad.estimators.parameters import Parameters, hidden_sizes
from plaingrad.estimators.perceptron import linear_layers, multilayer_perceptron
from plaingrad.module import Module, ModuleError
from plaingrad.train.evaluation import outputs


def new_networks(
    parameters: Parameters,
    features: int,
    n_outputs: int,
    codes: Codes,
    random_state: np.random.RandomState,
    dtype: torch.dtype,
) -> list[Module]:
    """The networks that an estimator's parameters ask for, in evaluation mode, their numbers drawn."""
    networks = []
    with init.drawing_from(torch.Generator()):  # layers draw, and then get other numbers
        for _ in range(parameters.n_models):
            if parameters.module is not None:
                network = network_from(parameters.module, features, n_outputs, random_state, dtype)
            else:
                first = codes.module(features, random_state, dtype) if codes.tables else None
                network = perceptron_for(parameters, features, n_outputs, first, dtype)
                initialize(network, parameters.activation, random_state)
            networks.append(network.to(dtype).eval())
    return networks


def perceptron_for(
    parameters: Parameters,
    features: int,
    n_outputs: int,
    first: nn.ColumnEmbedding | None,
    dtype: torch.dtype,
) -> Module:
    """The multilayer perceptron that an estimator's parameters ask for, after ``first``, if there is one."""
    return multilayer_perceptron(
        [features if first is None else first.out_features, *hidden_sizes(parameters), n_outputs],
        parameters.activation,
        first=first,
        dropout=parameters.dropout,
        normalization=parameters.normalization,
        dtype=dtype,
    )


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
    source: Module | Callable[[int, int], Module],
    inputs: int,
    columns: int,
    random_state: np.random.RandomState,
    dtype: torch.dtype,
) -> Module:
    """A copy of a network, or the one that a function makes of the numbers of inputs and outputs.

    Raises:
        ValueError: it is no network, or does not give as many outputs for as many inputs.
    """
    _expect_maker(source)
    generator = torch.Generator().manual_seed(int(random_state.randint(2**31)))
    with init.drawing_from(generator):
        network = copy.deepcopy(source) if isinstance(source, Module) else source(inputs, columns)
    if not isinstance(network, Module):
        got = _short_repr(network)
        raise InputError(f"module: expected a function that returns a plaingrad Module, got {got}")
    if not network.parameters():
        raise InputError(f"module: expected a network with parameters to train, got {network!r}")
    network.to(dtype)
    shape = tuple(outputs(network, torch.zeros(2, inputs, dtype=dtype), 2).shape)
    if shape != (2, columns):
        expected = f"outputs (2, {columns}) for inputs (2, {inputs})"
        raise InputError(f"module: expected a network with {expected}, got {shape}")
    return network


def _expect_maker(source: Any) -> None:
    """Refuse what is neither a network nor a function of the numbers of inputs and outputs."""
    if isinstance(source, Module):
        return
    if isinstance(source, torch.nn.Module):
        raise InputError(f"module: expected a plaingrad Module or a function, got {_short_repr(source)}")
    try:
        signature = inspect.signature(source)
    except (TypeError, ValueError):  # which some functions in C do not have
        return
    try:
        signature.bind(1, 1)
    except TypeError:
        expected = "a function of the numbers of inputs and outputs that returns a plaingrad Module"
        raise InputError(f"module: expected {expected}, got one of {signature}") from None


def _short_repr(value: Any) -> str:
    """A value that is no network of plaingrad, for messages."""
    if isinstance(value, torch.nn.Module):
        return f"torch.nn's {type(value).__name__}, of which plaingrad.interop.from_torch makes one"
    return f"{value!r:.100}"


def weights_and_others(module: Module) -> tuple[list[Any], list[Any]]:
    """The parameters that a penalty on large weights is for, and those that it leaves alone.

    Those have more than one axis; biases, and the scales of a normalisation, have one.
    """
    parameters = module.parameters()
    weights = [parameter for parameter in parameters if parameter.value.ndim > 1]
    return weights, [parameter for parameter in parameters if parameter.value.ndim <= 1]


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
            raise InputError("expected a network with parameters, got one without")
        try:
            zeros = torch.zeros(2, features, dtype=member.parameters()[0].value.dtype)
            shape = tuple(outputs(member, zeros, 2).shape)
        except (ModuleError, RuntimeError, IndexError) as error:
            raise InputError(f"expected a network for {owner}{features} features: {error}") from None
        if shape != (2, width):
            raise InputError(
                f"expected a network with {width} outputs for a row, got shape {shape} for 2 rows"
            )
