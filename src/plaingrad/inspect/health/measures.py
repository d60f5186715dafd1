"""Measures of each layer in the record of a step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.contract.modes import mode
from plaingrad.contract.nest import tensors
from plaingrad.data.finite import all_finite
from plaingrad.inspect.health.thresholds import FEWEST_SAMPLES, FLAT_SLOPE
from plaingrad.inspect.record import Call, Trace
from plaingrad.module import Module

BINS = 40  # of a histogram

# Activations that are flat on one side, where a unit can stay for ever.
DYING = (nn.ReLU, nn.ReLU6, nn.Threshold, nn.Hardswish, nn.Hardshrink, nn.Softshrink)
# Activations that flatten out on both sides, and their slope in the middle.
SATURATING = {nn.Tanh: 1.0, nn.Sigmoid: 1 / 4, nn.Softsign: 1.0, nn.Hardtanh: 1.0, nn.Hardsigmoid: 1 / 6}


@dataclass(frozen=True)
class Histogram:
    """The number of values in bins of one width.

    Attributes:
        low: the lower end of the first bin.
        high: the upper end of the last bin.
        counts: the number of values in each.
    """

    low: float
    high: float
    counts: tuple[int, ...]


@dataclass(frozen=True)
class LayerHealth:
    """One layer in the record of a step; of a layer that is called several times, its first call.

    Attributes:
        path: as in `Call.path`.
        name: the layer as errors write it, "Sequential[2] ReLU()".
        has_parameters: whether it has parameters of its own.
        mean: of its outputs.
        spread: the standard deviation of a unit's outputs over the samples, averaged over the units.
        gradient_out: the norm of the gradient with respect to its output; None where nothing came back.
        gradient_in: the norm of the gradient with respect to its first input; None where there is none.
        gradient_size: the root mean square of the gradient with respect to its output.
        update: the norm of the update as a share of the norm of the weight, for the parameter with several
            axes where that is largest; None without an optimizer.
        units: the number of units: features, or channels.
        dead: the share of the units that pass on no gradient for any sample; None where no unit can die.
        saturated: the share of its outputs where its slope is next to nothing; None where there is no such.
        finite_outputs: whether its outputs are without NaN and infinity.
        finite_gradients: the same of the gradients with respect to its outputs and inputs.
        activations: of its outputs.
        gradients: of the gradient with respect to its output.
    """

    path: str
    name: str
    has_parameters: bool
    mean: float
    spread: float
    gradient_out: float | None
    gradient_in: float | None
    gradient_size: float | None
    update: float | None
    units: int | None
    dead: float | None
    saturated: float | None
    finite_outputs: bool
    finite_gradients: bool
    activations: Histogram | None
    gradients: Histogram | None


@dataclass(frozen=True)
class EpochHealth:
    """The layers in the record of a step.

    Attributes:
        epoch: the epoch after which it was recorded, counted from 1; 0 before training, None for the record
            of a single step.
        loss: of the recorded batch.
        layers: those without modules inside or with parameters of their own, in the order of their calls.
    """

    epoch: int | None
    loss: float
    layers: tuple[LayerHealth, ...]

    def __getitem__(self, path: str) -> LayerHealth:
        return {layer.path: layer for layer in self.layers}[path]


def measured(trace: Trace, epoch: int | None = None) -> EpochHealth:
    """The measures of each layer in a record."""
    names = locations(trace.calls[0].module)
    root, layers = trace.calls[0], dict[str, LayerHealth]()
    channels_first = False
    for call in trace.calls[:-1]:
        weights = [value.ndim for value in call.parameters.values()]
        if weights and max(weights) > 1:
            channels_first = max(weights) > 2
        if call.path in layers or (call.is_composite and not call.parameters):
            continue
        name = names.get(call.path, root.module.signature() if call is root else call.name)
        layers[call.path] = layer_health(call, name, channels_first)
    return EpochHealth(epoch, trace.loss, tuple(layers.values()))


def layer_health(call: Call, name: str, channels_first: bool) -> LayerHealth:
    """The measures of a call."""
    y, dy, dx = numeric(call.outputs), numeric(call.grad_outputs), numeric(call.input_gradients()[:1])
    by_unit = None if y is None else units(y, channels_first)
    slope = flatness(call)
    dead = saturated = None
    if slope is not None and by_unit is not None and len(by_unit) >= FEWEST_SAMPLES:
        flat = units(slope, channels_first)
        if isinstance(call.module, DYING):
            dead = (flat == 0).all(0).double().mean().item()
        else:
            saturated = (flat < FLAT_SLOPE).double().mean().item()
    return LayerHealth(
        path=call.path,
        name=name,
        has_parameters=bool(call.parameters),
        mean=math.nan if y is None else y.mean().item(),
        spread=math.nan if by_unit is None else by_unit.std(0, correction=0).mean().item(),
        gradient_out=None if dy is None else dy.norm().item(),
        gradient_in=None if dx is None else dx.norm().item(),
        gradient_size=None if dy is None else dy.square().mean().sqrt().item(),
        update=update_ratio(call),
        units=None if by_unit is None else by_unit.shape[1],
        dead=dead,
        saturated=saturated,
        finite_outputs=all(map(all_finite, floating(call.outputs))),
        finite_gradients=all(map(all_finite, floating((call.grad_outputs, call.grad_inputs)))),
        activations=None if y is None else histogram(y),
        gradients=None if dy is None else histogram(dy),
    )


def locations(root: Module) -> dict[str, str]:
    """Each module below as errors write it, by its path: "Sequential[2].Residual[inner] Linear(5, 4)"."""
    names: dict[str, str] = {}

    def walk(module: Module, path: str, around: str) -> None:
        for name, child in module.named_children():
            below = f"{path}.{name}" if path else name
            chain = ".".join(filter(None, [around, f"{type(module).__name__}[{name}]"]))
            names[below] = f"{chain} {child.signature()}"
            walk(child, below, chain)

    walk(root, "", "")
    return names


def flatness(call: Call) -> Tensor | None:
    """The slope of an activation at each of its inputs, as a share of its largest; None for other modules.

    It is what the module's own backward returns for an upstream gradient of 1.
    """
    module = call.module
    kind = next((kind for kind in SATURATING if type(module) is kind), None)
    if (kind is None and not isinstance(module, DYING)) or numeric(call.inputs) is None:
        return None
    needed, module.needs_input_grad = module.needs_input_grad, True
    try:
        with torch.no_grad(), mode(True, module):
            x: Any = call.inputs[0].clone()
            slope = module.backward(torch.ones_like(module.forward(x)))
    finally:
        module.needs_input_grad = needed
    return slope.double().abs() / (SATURATING[kind] if kind else 1.0)


def units(values: Tensor, channels_first: bool) -> Tensor:
    """The values in columns, one for each unit: a channel where they are the second axis, else a feature."""
    if values.ndim < 2:
        return values.reshape(-1, 1)
    axis = 1 if values.ndim > 3 or channels_first else -1
    return values.movedim(axis, -1).flatten(0, -2)


def update_ratio(call: Call) -> float | None:
    """The norm of the update as a share of the weight's, where that is largest among the weights."""
    ratios = [
        ((call.updated[name] - value).double().norm() / value.double().norm()).item()
        for name, value in call.parameters.items()
        if name in call.updated and name in call.gradients and value.ndim > 1 and value.any()
    ]
    return max(ratios, default=None)


def histogram(values: Tensor) -> Histogram | None:
    """The histogram of the finite values."""
    values = values[values.isfinite()]
    if not values.numel():
        return None
    low, high = values.min().item(), values.max().item()
    if not math.isfinite(high - low):
        return None
    counts = torch.histc(values.cpu(), BINS, low, high).tolist() if high > low else [values.numel()]
    return Histogram(low, high, tuple(map(int, counts)))


def numeric(nest: Any) -> Tensor | None:
    """The first floating-point tensor with elements in a nest, in float64; None if there is none."""
    return next((each.double() for each in floating(nest) if each.numel()), None)


def floating(nest: Any) -> Iterator[Tensor]:
    """The dense floating-point tensors in a nest."""
    dense = (each for each in tensors(nest) if each.layout is torch.strided)
    return (each for each in dense if each.is_floating_point())
