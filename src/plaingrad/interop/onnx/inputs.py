"""The inputs of a network: their names, shapes and types."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from inspect import signature
from typing import Any

import torch

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.interop.onnx.layers import WITHOUT_EFFECT
from plaingrad.interop.onnx.registry import Value
from plaingrad.module import Module, ModuleError
from plaingrad.nn.container.base import Container
from plaingrad.nn.container.graph import names

Shapes = Sequence[int] | Mapping[str, Sequence[int]]

# For modules that take other inputs than numbers, the types of these by their positions.
KINDS: dict[type[Module], dict[int, torch.dtype]] = {
    nn.Embedding: {0: torch.int64},
    nn.EmbeddingBag: {0: torch.int64},
    nn.Select: {1: torch.int64},
    nn.Where: {0: torch.bool},
    nn.MaskedFill: {1: torch.bool},
}
OF_ANY_KIND = (nn.Size, nn.Arange, nn.Flatten, *WITHOUT_EFFECT)


def inputs_of(
    network: Module, input_name: str | Sequence[str], sample_shape: Shapes | None, dtype: torch.dtype
) -> list[Value]:
    """The inputs as values.

    Args:
        network: the network.
        input_name: the name of the input, or of each; those of several are the network's own if it is one.
        sample_shape: of a sample of the input, or of each by its name in the network.
        dtype: of what is no index and no mask.

    Raises:
        ModuleError: the network has several inputs, and is no `plaingrad.nn.Graph`.
        ValueError: there are shapes or names for other inputs.
    """
    if (count := len(_required(network))) > 1:
        raise ModuleError(network, f"expected one input, or a Graph around a module of {count}")
    own = network.inputs if isinstance(network, nn.Graph) else ("input",)
    if not isinstance(sample_shape, Mapping):
        if len(own) != 1:
            raise InputError(f"export_onnx: expected sample_shape by name, for {', '.join(own)}")
        sample_shape = {own[0]: _sample_shape(network) if sample_shape is None else sample_shape}
    if set(sample_shape) != set(own):
        got = ", ".join(sample_shape)
        raise InputError(f"export_onnx: expected sample_shape for {', '.join(own)}, got it for {got}")
    if isinstance(input_name, str):
        input_name = [input_name] if len(own) == 1 else own
    if len(input_name) != len(own):
        raise InputError(f"export_onnx: expected names of {len(own)} inputs, got {tuple(input_name)}")
    values = []
    for position, (name, key) in enumerate(zip(input_name, own)):
        sample = tuple(sample_shape[key])
        if any(size < 1 for size in sample):
            raise InputError(f"export_onnx: expected a sample_shape of sizes from 1, got {sample}")
        kind = _kind(network, position) or dtype
        values.append(Value(name, *(torch.zeros(batch, *sample, dtype=kind) for batch in (2, 3))))
    return values


def _required(module: Module) -> list[str]:
    """The names of the inputs without which a module does not run."""
    parameters = signature(module.forward).parameters.values()
    return [
        each.name
        for each in parameters
        if each.kind is each.POSITIONAL_OR_KEYWORD and each.default is each.empty
    ]


def _kind(module: Module, position: int) -> torch.dtype | None:
    """The type of an input, None for that of the network, by the first module that takes it."""
    user = _user(module, position)
    return None if user is None else KINDS.get(type(user[0]), {}).get(user[1])


def _user(module: Module, position: int) -> tuple[Module, int] | None:
    """The first module for which it counts what the numbers of an input are, and its position there."""
    if isinstance(module, nn.Graph):
        children, name = dict(module.named_children()), module.inputs[position]
        for step in module.steps.values():
            for at, argument in enumerate(step.arguments):
                if name in names(argument) and (user := _user(children[step.operation], at)):
                    return user
        return None
    if isinstance(module, Container):
        return next((user for each in module if (user := _user(each, 0))), None)
    if isinstance(module, nn.FunctionalCall):  # the weights, which come last, are numbers as the network's
        return _user(module.layer, position)
    return None if isinstance(module, OF_ANY_KIND) else (module, position)


def _first(module: Module, skipped: Collection[type[Module]]) -> Module:
    """The first module that is no container of one input and none of those."""
    if isinstance(module, Container) and not isinstance(module, nn.Graph):
        return next((_first(each, skipped) for each in module if type(each) not in skipped), module)
    return module


def _sample_shape(module: Module) -> tuple[int, ...]:
    first: Any = _first(module, WITHOUT_EFFECT)
    if isinstance(first, nn.Linear):
        return (first.in_features,)
    if isinstance(first, nn.BatchNorm1d):
        return (first.num_features,)
    if isinstance(first, nn.LayerNorm):
        return first.normalized_shape
    raise InputError(
        f"export_onnx: expected sample_shape, since {first.signature()} takes samples of several shapes"
    )
