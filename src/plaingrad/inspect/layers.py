"""A network at work, as a picture: the layers with their units, in the colours of one sample's numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path
from torch import Tensor

from plaingrad import nn
from plaingrad.contract.nest import brief
from plaingrad.drawing import BLUE, INK, ORANGE, PALE, new_figure
from plaingrad.errors import InputError
from plaingrad.inspect.explain.selection import first
from plaingrad.inspect.record import Call, Trace

__all__ = ["network"]

COLUMN, HEIGHT = 1.5, 4.6  # inches from one layer to the next, and of the units
MOST_UNITS, MOST_TILES = 10, 4  # of a layer that are drawn
LANE = 0.6  # inches above the units, for lines that pass over layers
POINTS = 72  # to an inch
WIDEST = 2.6  # points, of a line
SIGNED = LinearSegmentedColormap.from_list("signed", [ORANGE, "white", BLUE])

Point = tuple[float, float]


@dataclass
class Column:
    """A column of the picture.

    Attributes:
        title: the class and path of the module.
        values: one sample's output, or its gradient.
        output: that sample's output, by which what uses it is recognised.
        call: the call, or None for the input of the network.
        sources: the columns that it is made of.
        points: the position of each unit that is drawn, by its index.
    """

    title: str
    values: Tensor
    output: Tensor
    call: Call | None = None
    sources: list[int] = field(default_factory=list)
    points: dict[int, Point] = field(default_factory=dict)


def network(trace: Trace, sample: int = 0, what: str = "values", *, title: str | None = None) -> Figure:
    """Draw the layers of a network from left to right, with the numbers of one sample as colours.

    A unit is a circle, a channel or a sequence a tile: blue for positive numbers, orange for negative ones,
    the darker the larger; each layer has a scale of its own, which ends at the number below it. Lines are the
    weights of fully connected layers, the wider the larger. Of many units the middle ones are left out.

    Args:
        trace: what `record` returned.
        sample: which sample of the batch, from 0.
        what: ``"values"``, or ``"gradients"``: those of the loss by outputs and weights.
        title: the title.

    Raises:
        InputError: ``what`` is neither, there is no such sample, or there are no layers with tensors.
    """
    if not isinstance(trace, Trace):
        raise InputError(f"trace: expected what record(...) returns, got {brief(trace)}")
    if what not in ("values", "gradients"):
        raise InputError(f"what: expected 'values' or 'gradients', got {what!r}")
    layers = columns(trace, sample, what == "gradients")
    text = f"The {what} of sample {sample}, loss {trace.loss:.4g}" if title is None else title
    figure, ax = new_figure(text, (max(4.0, COLUMN * len(layers) + 0.6), HEIGHT + 1.6 + LANE))
    ax.set(xlim=(-0.5, len(layers) - 0.5), ylim=(-0.9, HEIGHT + LANE + 0.6))
    ax.axis("off")
    for i, layer in enumerate(layers):
        draw(ax, i, layer)
    for i, layer in enumerate(layers):
        for source in layer.sources:
            connect(ax, layers[source], layer, (source, i), what == "gradients")
    return figure


def columns(trace: Trace, sample: int, is_gradient: bool) -> list[Column]:
    """The input and, in the order in which they came to an end, the modules without others inside."""
    calls = [call for call in in_order(trace.calls) if isinstance(first(call.outputs), Tensor)]
    inner = [call for call in calls if not call.is_composite or isinstance(call.module, nn.Residual)]
    inner = inner or calls
    if not inner or not isinstance(first(inner[0].inputs), Tensor):
        raise InputError("trace: expected a network of layers with tensors as inputs and outputs")
    count = len(first(inner[0].inputs))
    if not 0 <= sample < count:
        raise InputError(f"sample: expected 0 to {count - 1}, got {sample}")
    x, dx = first(inner[0].inputs), first(inner[0].input_gradients())
    layers = [Column("input\n", shown(dx if is_gradient else x, x, sample), x)]
    for call in inner:
        y = first(call.outputs)
        dy = first(call.grad_outputs)
        values = shown(dy if is_gradient else y, y, sample)
        sources = [i for each in call.inputs if (i := source_of(each, layers)) is not None]
        if isinstance(call.module, nn.Residual):
            sources.append(len(layers) - 1)
        title = f"{type(call.module).__name__}\n{call.path}"
        layers.append(Column(title, values, y, call, list(dict.fromkeys(sources or [len(layers) - 1]))))
    return layers


def in_order(calls: list[Call]) -> list[Call]:
    """The calls of the network, without those of the loss, in the order in which they ended."""
    ended: list[Call] = []
    running: list[Call] = []
    for call in calls:
        if call.path.split(".")[0] == "loss" and call.depth == 0:
            break
        while running and running[-1].depth >= call.depth:
            ended.append(running.pop())
        running.append(call)
    return [*ended, *reversed(running)]


def shown(values: Any, like: Tensor, sample: int) -> Tensor:
    """One sample's numbers; zeros where there is no gradient."""
    chosen = values if isinstance(values, Tensor) else torch.zeros(like.shape)
    one = chosen[sample].detach().double().cpu() if len(chosen) > sample else torch.zeros(1)
    return one.reshape(1) if one.ndim == 0 else one


def source_of(x: Any, layers: list[Column]) -> int | None:
    """The latest column whose output is this input."""
    if not isinstance(x, Tensor):
        return None
    for i in reversed(range(len(layers))):
        if layers[i].output.shape == x.shape and torch.equal(layers[i].output, x):
            return i
    return None


def draw(ax: Axes, column: int, layer: Column) -> None:
    """A column: circles for a vector, else tiles; with its title above and its scale below."""
    finite = layer.values.nan_to_num(0, 0, 0)
    top = finite.abs().max().item() if finite.numel() else 0.0
    if layer.values.ndim == 1:
        circles(ax, column, layer, finite / (top or 1))
    else:
        tiles(ax, column, layer, finite / (top or 1))
    style: dict[str, Any] = {"ha": "center", "color": INK, "fontsize": 8, "parse_math": False}
    ax.text(column, HEIGHT + LANE + 0.1, layer.title, va="bottom", **style)
    style["color"] = PALE
    ax.text(column, -0.35, f"±{top:.3g}", va="top", **style)
    ax.text(column, -0.6, "×".join(map(str, layer.values.shape)), va="top", **style)


def circles(ax: Axes, column: int, layer: Column, values: Tensor) -> None:
    """A circle for each unit, the first at the top; in the middle of many a gap."""
    count = len(values)
    half = MOST_UNITS // 2
    indices = list(range(count)) if count <= MOST_UNITS else [*range(half), *range(count - half, count)]
    rows = len(indices) + (count > MOST_UNITS)
    step = min(0.62, HEIGHT / rows)
    for row, index in enumerate(indices):
        gap = count > MOST_UNITS and row >= half
        y = HEIGHT / 2 + step * ((rows - 1) / 2 - row - gap)
        layer.points[index] = (column, y)
        colour = SIGNED((values[index].item() + 1) / 2)
        size = (0.6 * step * POINTS) ** 2  # of a circle, as an area
        ax.scatter(column, y, size, color=[colour], edgecolors=INK, linewidths=0.8, zorder=3)
    if count > MOST_UNITS:
        y = HEIGHT / 2 + step * ((rows - 1) / 2 - half)
        ax.text(column, y, "⋮", ha="center", va="center", color=INK, fontsize=12)


def tiles(ax: Axes, column: int, layer: Column, values: Tensor) -> None:
    """A tile of pixels for each channel; a single one for a sequence or a row of channels."""
    channels = values.unsqueeze(0) if values.ndim == 2 else values.reshape(*values.shape[:2], -1)
    count = min(len(channels), MOST_TILES)
    step = HEIGHT / count
    for k in range(count):
        rows, across = channels[k].shape
        side = min(0.84 * step, 1.1)
        height, width = side * min(1, rows / across), side * min(1, across / rows)
        y = HEIGHT / 2 + step * ((count - 1) / 2 - k)
        left, right = column - width / 2 / COLUMN, column + width / 2 / COLUMN
        extent = (left, right, y - height / 2, y + height / 2)
        style: dict[str, Any] = {"cmap": SIGNED, "vmin": -1, "vmax": 1, "aspect": "auto", "zorder": 3}
        ax.imshow(channels[k].numpy(), extent=extent, interpolation="nearest", **style)
        frame = [(left, right, right, left, left), (extent[2], extent[2], extent[3], extent[3], extent[2])]
        ax.plot(*frame, color=INK, linewidth=0.8, zorder=4)
        layer.points[k] = (column, y)
    if len(channels) > count:
        ax.text(column, -0.1, "⋮", ha="center", va="center", color=INK, fontsize=12)


def connect(ax: Axes, source: Column, target: Column, ends: tuple[int, int], is_gradient: bool) -> None:
    """Lines between two columns: weights, or unit to unit, or an arrow; above the columns between."""
    start, end = ends
    if end - start > 1:
        over(ax, max(source.points.values(), key=height), max(target.points.values(), key=height))
        return
    weights = weights_of(target, is_gradient)
    is_flat = source.values.ndim == target.values.ndim == 1
    if is_flat and weights is not None and weights.shape == (len(target.values), len(source.values)):
        top = weights.abs().max().item() or 1.0
        for i, (x0, y0) in source.points.items():
            for k, (x1, y1) in target.points.items():
                share = weights[k, i].item() / top
                line: dict[str, Any] = {"color": BLUE if share > 0 else ORANGE, "alpha": 0.75, "zorder": 1}
                ax.plot((x0, x1), (y0, y1), linewidth=WIDEST * abs(share), **line)
    elif is_flat and source.points.keys() == target.points.keys():
        for i, (x0, y0) in source.points.items():
            x1, y1 = target.points[i]
            ax.plot((x0, x1), (y0, y1), color=PALE, linewidth=0.8, zorder=1)
    else:
        style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "color": PALE, "linewidth": 1.2}
        middle = HEIGHT / 2
        ax.add_patch(FancyArrowPatch((start + 0.4, middle), (end - 0.4, middle), zorder=1, **style))


def height(point: Point) -> float:
    """The second coordinate."""
    return point[1]


def over(ax: Axes, start: Point, end: Point) -> None:
    """An arrow from one column over others to another."""
    (x0, y0), (x1, y1) = start, end
    low, bend = 0.3, 4 / 3 * (HEIGHT + LANE) - max(y0, y1) / 3
    path = Path([(x0, y0 + low), (x0, bend), (x1, bend), (x1, y1 + low)], [Path.MOVETO] + [Path.CURVE4] * 3)
    style: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 10, "color": PALE, "linewidth": 1.2}
    ax.add_patch(FancyArrowPatch(path=path, zorder=2, **style))


def weights_of(layer: Column, is_gradient: bool) -> Tensor | None:
    """The matrix of a fully connected layer, or its gradient."""
    if layer.call is None or not isinstance(layer.call.module, nn.Linear):
        return None
    numbers = layer.call.gradients if is_gradient else layer.call.parameters
    weight = numbers.get("weight")
    return None if weight is None else weight.double().nan_to_num(0, 0, 0).cpu()
