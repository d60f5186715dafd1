"""A recorded step of training as a page of its own."""

from __future__ import annotations

import base64
import copy
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.data import Dataset
from plaingrad.errors import InputError
from plaingrad.inspect.player.frame import (
    FINE,
    GRID,
    maps,
    packed,
    predicted_classes,
    predicted_numbers,
    weights,
)
from plaingrad.inspect.player.page import page
from plaingrad.inspect.player.stages import Stage, stages
from plaingrad.inspect.player.steps import Steps
from plaingrad.inspect.record import Trace

MOST_UNITS = 400  # that are drawn
MOST_POINTS = 1000


def step_player(trace: Trace, data: Dataset | None = None) -> str:
    """A page on which the step of the record's first sample is taken layer by layer, forward and backward.

    Args:
        trace: the record of a step of a chain that begins with a `Linear`.
        data: points to be drawn on the plane of the first two features, and what their columns and classes
            are called; those of the record if None.

    Raises:
        InputError: the network is no such chain, or too large to be drawn.
    """
    root, x = trace.calls[0], trace.calls[0].inputs[0]
    layers = stages(copy.deepcopy(root.module))
    if not isinstance(x, Tensor) or x.ndim != 2 or not isinstance(trace.target, Tensor):
        raise InputError("trace: expected a step on inputs of shape (n, k) with one target for each")
    if any(trace[layer.last].outputs.ndim != 2 for layer in layers):
        raise InputError("trace: expected each layer to give numbers of shape (n, units)")
    if x.shape[1] + sum(layer.units for layer in layers) > MOST_UNITS:
        raise InputError(f"trace: expected a network of at most {MOST_UNITS} units and features")
    points = data if data is not None and _fits(data, x) else Dataset(x, trace.target)
    labels = _labels(points.targets)
    rows = torch.cat([_plane(points.inputs), labels[:, None]], 1)[:MOST_POINTS]
    are_numbers = points.targets.is_floating_point() and points.targets[0].numel() == 1
    classes = None if are_numbers or layers[-1].units == 1 else _classes(points)
    names = list(map(str, points.feature_names)) or [f"x{k + 1}" for k in range(x.shape[1])]
    steps = Steps(trace, layers, rule="" if trace.optimizer is None else repr(trace.optimizer))
    low, high = float(labels.min()), float(labels.max())
    bounds = _bounds(rows)
    entries: list[Any] = [
        _state(layers, names, classes),
        {
            "type": "data",
            "train": rows.tolist(),
            "test": [],
            "bounds": bounds,
            "names": (*names[:2], "")[:2],
            "classes": classes,
            "range": [low, high],
        },
    ]
    point, label = _plane(x)[0].tolist(), float(_labels(trace.target)[0])
    frame = _frame(trace, layers, x, bounds, None if classes else (low, high))
    for at in range(len(steps.phases)):
        entries += [steps.message(at, 0, point, label), *steps.looks(at), *([] if at else [frame])]
    return page(entries, "One step of training")


def _fits(data: Dataset, x: Tensor) -> bool:
    inputs, targets = data.inputs, data.targets
    return isinstance(inputs, Tensor) and inputs.shape[1:] == x.shape[1:] and isinstance(targets, Tensor)


def _labels(targets: Tensor) -> Tensor:
    """A number for each target: the class of one-hot targets, else the first number."""
    flat = targets.reshape(len(targets), -1).float()
    return flat.argmax(1).float() if flat.shape[1] > 1 else flat[:, 0]


def _classes(points: Dataset) -> list[str]:
    count = int(_labels(points.targets).max()) + 1
    named = list(map(str, points.class_names))
    return named + [str(k) for k in range(len(named), count)]


def _plane(inputs: Tensor) -> Tensor:
    """The first two columns; a single one lies along a line."""
    shown = inputs[:, :2].float()
    return shown if shown.shape[1] == 2 else torch.cat([shown, torch.zeros(len(shown), 1)], 1)


def _bounds(rows: Tensor) -> list[float]:
    """The left, right, lower and upper end of what is shown."""
    low, high = rows[:, :2].amin(0), rows[:, :2].amax(0)
    margin = 0.06 * (high - low).clamp(min=0.5)
    return [float(end) for k in (0, 1) for end in (low[k] - margin[k], high[k] + margin[k])]


def _state(layers: list[Stage], names: list[str], classes: list[str] | None) -> dict[str, Any]:
    described = [layer.describe(classes if layer is layers[-1] else None) for layer in layers]
    task = "regression" if classes is None else "classification"
    network = {
        "features": names,
        "layers": described,
        "grid": GRID,
        "task": task,
        "editable": False,
        "bare": True,
    }
    return {"type": "state", "state": {}, "network": network, "choices": None, "playing": False}


def _frame(
    trace: Trace, layers: list[Stage], x: Tensor, bounds: list[float], values: tuple[float, float] | None
) -> str:
    """The network as it was before the update, over the plane, with the other columns at their means."""
    for layer in layers:  # copied with the parameters after the update
        call = trace[layer.path]
        for name, value in call.parameters.items():
            getattr(layer.linear, name).value.copy_(value)
    left, right, bottom, top = bounds
    ends = torch.linspace(bottom, top, FINE), torch.linspace(left, right, FINE)
    y, across = torch.meshgrid(*ends, indexing="ij")
    plane = torch.stack([across.reshape(-1), y.reshape(-1)], 1)[:, : x.shape[1]]
    features = torch.cat([plane, x[:, 2:].mean(0).expand(len(plane), -1)], 1).to(x.dtype)
    columns = [features]
    for layer in layers:
        layer.linear.eval()
        for _, module in layer.rest:
            module.eval()
        columns.append(layer.forward(columns[-1]))
    are_logits = isinstance(trace["loss"].module, nn.CrossEntropyLoss)
    output = (
        predicted_numbers(columns[-1], values, FINE)
        if values
        else predicted_classes(columns[-1], are_logits, FINE)
    )
    header = {
        "frame": 1,
        "epoch": 0,
        "batch": 0,
        "playing": False,
        "loss": trace.loss,
        "curve": [],
        "whole": True,
    }
    arrays = {**maps(columns, FINE, GRID), **output, **weights(layers)}
    return base64.b64encode(packed(header, arrays)).decode()
