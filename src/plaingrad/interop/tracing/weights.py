"""Functions of torch.nn.functional that take weights, as layers."""

from __future__ import annotations

import functools
from typing import Any

import torch

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.interop.tracing.builder import Attribute, Builder, ByMode, Name
from plaingrad.interop.tracing.operations import operation
from plaingrad.module import Module
from plaingrad.nn.convolution.conv import Convolution
from plaingrad.nn.convolution.transposed import TransposedConvolution


def with_weights(
    build: Builder,
    name: str,
    layer: type[Module],
    options: dict[str, Any],
    uses: list[Any],
    weights: dict[str, Any],
) -> Name:
    """A layer with the weights that the function was called with.

    It holds them itself where they are the parameters of one module under these names.
    """
    if name == "linear" and any(value.value is None for value in weights.values()):  # which need no shape
        product = build.add(nn.MatMul(), *uses, build.add(nn.Transpose(0, 1), weights["weight"]))
        return build.add(nn.Add(), product, weights["bias"]) if "bias" in weights else product
    tensors = {key: value.value for key, value in weights.items()}
    for key, tensor in tensors.items():
        if tensor is None:
            raise InputError(
                f"expected the {key} of {name} to be computed from parameters and buffers alone, "
                f"got {str(weights[key])!r}"
            )
    make = functools.partial(_holding, layer, options, tensors)
    prefix = _owner(weights)
    if prefix is not None and all(isinstance(tensor, torch.nn.Parameter) for tensor in tensors.values()):
        return build.add(build.module(prefix, make, tensors.items()), *uses)
    return build.add(nn.FunctionalCall(make(), tuple(weights)), *uses, *weights.values())


def _owner(weights: dict[str, Any]) -> str | None:
    """The path of the module whose parameters these are, if it has them under these names."""
    paths = {key: value.path for key, value in weights.items() if isinstance(value, Attribute)}
    prefixes = {path.rpartition(".")[0] for path in paths.values()}
    is_own = len(paths) == len(weights) and len(prefixes) == 1 and "" not in prefixes
    named_alike = all(path.rpartition(".")[2] == key for key, path in paths.items())
    return prefixes.pop() if is_own and named_alike else None


def _holding(layer: Any, options: dict[str, Any], tensors: dict[str, Any]) -> Module:
    """A module of sizes that follow from its weights, with copies of these."""
    weight = tensors["weight"]
    sizes = _sizes(layer, weight.shape, options.get("groups", 1))
    if layer not in (nn.Embedding, nn.EmbeddingBag, nn.RMSNorm, nn.PReLU):
        options = {**options, "bias": "bias" in tensors}
    if layer is nn.GroupNorm:
        options = {**options, "num_channels": weight.shape[0]}
    module = layer(*sizes, **options, dtype=weight.dtype)
    return _with_state(module, tensors)


def _with_state(module: Module, tensors: dict[str, Any]) -> Module:
    """The module with copies of these, as frozen as they are."""
    module.load_state_dict(module.state_dict() | {name: tensor.detach() for name, tensor in tensors.items()})
    for name, parameter in module.named_parameters():
        parameter.frozen = not tensors[name].requires_grad
    return module


def _sizes(layer: type[Module], size: torch.Size, groups: int) -> tuple[Any, ...]:
    """The sizes that a constructor takes first, from that of the weight."""
    if issubclass(layer, Convolution):
        return (size[1] * groups, size[0], tuple(size[2:]))
    if issubclass(layer, TransposedConvolution):
        return (size[0], size[1] * groups, tuple(size[2:]))
    if layer is nn.Linear:
        return (size[1], size[0])
    if layer is nn.Bilinear:
        return (size[1], size[2], size[0])
    if layer in (nn.Embedding, nn.EmbeddingBag):
        return tuple(size)
    return (size.numel(),) if layer is nn.PReLU else ()


@operation("batch_norm")
def batch_norm(
    build: Builder,
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: Any = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Name:
    """BatchNorm1d on ``(batch, channels, length)``, which has the same mean as more axes."""
    statistics = {"running_mean": running_mean, "running_var": running_var}
    state = statistics if weight is bias is None else {"weight": weight, "bias": bias, **statistics}
    prefix = _owner(state)
    if prefix is None or not isinstance(training, ByMode):
        raise InputError(
            "expected batch_norm with training=self.training and the weight, bias, running_mean and "
            "running_var of one module"
        )
    tensors = {key: value.value for key, value in state.items()}

    def make() -> Module:
        size = running_mean.value.shape[0]
        layer = nn.BatchNorm1d(size, eps, momentum, weight is not None, dtype=running_mean.value.dtype)
        return _with_state(layer, tensors)

    batch, channels = (build.add(nn.Size(axis), input) for axis in (0, 1))
    x = build.add(nn.Reshape(), input, batch, channels, -1)
    return _in_shape_of(build, input, build.add(build.module(prefix, make, tensors.items()), x))


@operation("instance_norm")
def instance_norm(
    build: Builder,
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: Any = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Name:
    """InstanceNorm1d on ``(batch * channels, 1, length)``, whose number of channels is known."""
    if not (running_mean is running_var is weight is bias is None and use_input_stats is True):
        raise InputError("expected instance_norm of the input alone, got weights or running statistics")
    rows = build.add(nn.Flatten(0, 1), build.add(nn.Flatten(2), input))
    return _in_shape_of(build, input, build.add(nn.InstanceNorm1d(1, eps), build.add(nn.Unsqueeze(1), rows)))


def group_norm(build: Builder, input: Any, num_groups: int, eps: float = 1e-5) -> Name:
    """InstanceNorm1d on ``(batch, groups, length)``, whose number of channels is known."""
    x = build.add(nn.Reshape(), input, build.add(nn.Size(0), input), num_groups, -1)
    return _in_shape_of(build, input, build.add(nn.InstanceNorm1d(num_groups, eps), x))


def _in_shape_of(build: Builder, input: Any, y: Name) -> Name:
    return build.add(nn.Reshape(), y, build.add(nn.Size(), input))
