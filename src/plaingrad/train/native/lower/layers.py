"""The layers that the kernels know, each by its exact type."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from plaingrad import nn
from plaingrad.module import Module
from plaingrad.train.native.activations import spell
from plaingrad.train.native.lower.source import NotLoweredError, Source, refuse

Shape = tuple[int, ...]


def lower_layers(module: Module, shape: Shape, source: Source) -> tuple[list[str], Shape]:
    """The C++ types of a network's layers, in order, and the shape of what they give for one sample.

    Args:
        module: the network.
        shape: of one input sample.
        source: what has been found so far; added to.

    Raises:
        NotLoweredError: there is a module among them that the kernels do not know.
    """
    types: list[str] = []
    modules = flat(module, source)
    while modules:
        first = modules.pop(0)
        known = LAYERS.get(type(first))
        if known is not None:
            found, shape = known(first, shape, modules, source)
        elif spell(first) is not None:
            source.headers.add("elementwise.hpp")
            found = [f"Elementwise<Setting, {math.prod(shape)}, {activation(first, source)}>"]
        else:
            raise refuse(first)
        types += found
    return types, shape


def flat(module: Module, source: Source) -> list[Module]:
    """The modules that run one after another, out of their containers; what does nothing is left out."""
    if type(module) is nn.Sequential:
        return [each for child in module for each in flat(child, source)]
    if module in source.seen:
        raise NotLoweredError(f"{type(module).__name__} is used twice")
    source.seen.add(module)
    return [] if type(module) is nn.Identity else [module]


def activation(module: Module, source: Source) -> str:
    """The C++ type of an activation."""
    spelled = spell(module)
    assert spelled is not None
    arguments = [source.numbers(spelled.constants)] if spelled.constants else []
    return source.instance(spelled.name, *arguments)


def features(module: Module, shape: Shape) -> int:
    """The number of features of a sample that is a plain vector."""
    if len(shape) != 1:
        raise refuse(module, f"inputs of shape {('batch', *shape)} are not among what it knows")
    return shape[0]


Lowered = tuple[list[str], Shape]
Lower = Callable[[Any, Shape, list[Module], Source], Lowered]


def linear(module: nn.Linear, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """A linear layer takes the activation after it along."""
    inputs = features(module, shape)
    slope = "Identity"
    if rest and spell(rest[0]) is not None:
        slope = activation(rest.pop(0), source)
    groups = [source.hold(module.weight), source.hold(module.bias)]
    source.headers.add("linear.hpp")
    layer = source.instance("Linear", "Setting", inputs, module.out_features, slope, *groups)
    return [layer], (module.out_features,)


def flatten(module: nn.Flatten, shape: Shape, rest: list[Module], source: Source) -> Lowered:
    """Rows are stored flat already."""
    if module.start_dim != 1 or module.end_dim not in (-1, len(shape)):
        raise refuse(module, "only all axes of a sample can be joined")
    return [], (math.prod(shape),)


LAYERS: dict[type[Module], Lower] = {nn.Linear: linear, nn.Flatten: flatten}
