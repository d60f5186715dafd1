"""The plane of data with two inputs: a grid of points over it, and what is drawn on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.drawing import COLOURS, INK, new_figure


class Plane:
    """The part of the plane in which the data lie.

    Args:
        data: points of the plane, ``(n, 2)``, and their true classes, int64 ``(n,)``.
        resolution: the number of points of the grid along each axis.

    Attributes:
        extent: the left, right, lower and upper end.
        grid: the points of the grid, row by row from below, ``(resolution * resolution, 2)``.
        names: the names of the classes.
    """

    def __init__(self, data: Dataset, resolution: int) -> None:
        self.data, self.resolution = data, resolution
        self.names: Sequence[str] = data.class_names or [str(k) for k in range(int(data.targets.max()) + 1)]
        low, high = data.inputs.amin(0), data.inputs.amax(0)
        margin = 0.04 * (high - low).clamp(min=1e-6)
        (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
        self.extent = (left, right, bottom, top)
        self.x, self.y = torch.linspace(left, right, resolution), torch.linspace(bottom, top, resolution)
        y, x = torch.meshgrid(self.y, self.x, indexing="ij")
        self.grid = torch.stack([x.reshape(-1), y.reshape(-1)], 1).to(data.inputs.dtype)

    def figure(self, title: str) -> tuple[Figure, Axes]:
        """An empty figure of the plane."""
        left, right, bottom, top = self.extent
        height = 5.2 * min(1.5, max(0.4, (top - bottom) / (right - left)))
        figure, ax = new_figure(title, (6, height + 1.3))
        ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
        names = self.data.feature_names or ("x1", "x2")
        ax.set_xlabel(names[0], parse_math=False)
        ax.set_ylabel(names[1], parse_math=False)
        return figure, ax

    def draw_region(self, ax: Axes, classes: Tensor) -> list[Any]:
        """Shade each point of the grid by its class, and draw the boundaries; return what was drawn."""
        region = classes.view(self.resolution, self.resolution).numpy(force=True)
        colours = [COLOURS[k % len(COLOURS)] for k in range(len(self.names))]
        image = ax.imshow(
            region,
            extent=self.extent,
            origin="lower",
            cmap=ListedColormap(colours),
            vmin=-0.5,
            vmax=len(colours) - 0.5,
            alpha=0.16,
            interpolation="nearest",
            aspect="equal",
        )
        drawn: list[Any] = [image]
        x, y = self.x.numpy(), self.y.numpy()
        for k in range(len(colours)):
            if (region == k).any() and (region != k).any():
                drawn.append(ax.contour(x, y, region == k, levels=[0.5], colors=INK, linewidths=1.1))
        return drawn

    def draw_points(self, ax: Axes, wrong: Tensor) -> list[Any]:
        """Draw the data, those that are misclassified with a ring; return what was drawn."""
        inputs, targets, drawn = self.data.inputs, self.data.targets, list[Any]()
        for k, name in enumerate(self.names):
            px, py = inputs[targets == k].T.numpy()
            drawn.append(ax.scatter(px, py, s=11, color=COLOURS[k % len(COLOURS)], linewidths=0, label=name))
        px, py = inputs[wrong].T.numpy()
        ring = {"s": 75, "facecolors": "none", "edgecolors": INK, "linewidths": 1.3}
        drawn.append(ax.scatter(px, py, label="misclassified", **ring))  # type: ignore[arg-type]
        for k in range(len(self.names)):  # a misclassified point is drawn again, above its neighbours
            px, py = inputs[wrong & (targets == k)].T.numpy()
            drawn.append(ax.scatter(px, py, s=20, color=COLOURS[k % len(COLOURS)], linewidths=0))
        return drawn

    def draw_legend(self, figure: Figure, ax: Axes) -> None:
        """Name the classes and the rings below the axes."""
        legend = figure.legend(
            *ax.get_legend_handles_labels(),
            loc="outside lower center",
            ncols=min(4, len(self.names) + 1),
            frameon=False,
            handletextpad=0.2,
            columnspacing=1.6,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)
