"""Figures of a training run; ``figure.savefig(path)`` saves one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.drawing import BLUE, COLOURS, INK, PALE, new_figure
from plaingrad.inspect.layers import network as network
from plaingrad.inspect.plane import Plane
from plaingrad.train import History


def loss_curve(
    history: History, *, best: int | None = None, title: str = "Loss during training", ylabel: str = "loss"
) -> Figure:
    """Plot the loss of each epoch; arguments as for `History.plot`."""
    figure, ax = new_figure(title, (7, 4.2))
    history.plot(ax, best=best, ylabel=ylabel)
    return figure


def decision_boundary(
    classify: Callable[[Tensor], Tensor], data: Dataset, *, title: str = "Decision boundary"
) -> Figure:
    """Plot the predicted class over the plane, with the data; misclassified points are ringed.

    Args:
        classify: a function from points ``(n, 2)`` to class indices ``(n,)``.
        data: points of the plane, and their true classes.
        title: the title.
    """
    plane = Plane(data, 500)
    figure, ax = plane.figure(title)
    plane.draw_region(ax, classify(plane.grid))
    plane.draw_points(ax, classify(data.inputs) != data.targets)
    plane.draw_legend(figure, ax)
    return figure


def confusion_matrix(
    truth: Tensor,
    predicted: Tensor,
    class_names: Sequence[str],
    *,
    title: str = "Predicted against true class",
) -> Figure:
    """Plot the number of samples of each true and predicted class, shaded by the share of the true class."""
    classes = len(class_names)
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    side = min(12.0, max(4.2, 2.4 + 0.62 * classes))
    figure, ax = new_figure(title, (side + 0.8, side))
    image = ax.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    labels = [name if len(name) <= 18 else name[:17] + "…" for name in class_names]
    crowded = max(map(len, labels)) * classes > 40
    ax.set_xticks(range(classes), labels, rotation=45 if crowded else 0, parse_math=False)
    for label in ax.get_xticklabels() if crowded else []:
        label.set(horizontalalignment="right", rotation_mode="anchor")
    ax.set_yticks(range(classes), labels, parse_math=False)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted")
    ax.set_ylabel("true")
    for i in range(classes):
        for j in range(classes if classes <= 20 else 0):
            dark = share[i, j] > 0.5
            text = str(int(counts[i, j])) if counts[i, j] else "·"
            colour = "white" if dark else (INK if counts[i, j] else PALE)
            ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=11 if classes <= 10 else 8)
    bar = figure.colorbar(image, ax=ax, fraction=0.046, pad=0.03, format=PercentFormatter(1))
    bar.set_label("share of the true class")
    bar.outline.set_visible(False)  # type: ignore[operator]
    ax.spines[:].set_visible(False)
    return figure


def predicted_against_true(
    truth: Tensor,
    predicted: Tensor,
    name: str,
    *,
    title: str = "Predicted against true value",
    size: tuple[float, float] = (5.8, 5.8),
) -> Figure:
    """Plot predictions over true values; right predictions lie on the diagonal.

    Args:
        truth: the true values, any shape.
        predicted: the predictions, in the same shape.
        name: the name of the quantity.
        title: the title.
        size: width and height in inches.
    """
    figure, ax = new_figure(title, size)
    low = min(float(truth.min()), float(predicted.min()))
    high = max(float(truth.max()), float(predicted.max()))
    margin = 0.04 * (high - low) or 0.04 * abs(high) or 1.0
    ends = (low - margin, high + margin)
    ax.plot(ends, ends, color=PALE, linewidth=1, zorder=1)
    ax.annotate(
        "predicted = true",
        (ends[1], ends[1]),
        xytext=(-2, -22),
        textcoords="offset points",
        rotation=45,
        rotation_mode="anchor",
        ha="right",
        color=PALE,
    )
    _points(ax, truth, predicted)
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set_xlabel(f"true {name}", parse_math=False)
    ax.set_ylabel(f"predicted {name}", parse_math=False)
    return figure


def residuals(
    truth: Tensor,
    predicted: Tensor,
    name: str,
    *,
    title: str = "Errors of the predictions",
    size: tuple[float, float] = (5.8, 5.8),
) -> Figure:
    """Plot the error of each prediction over the prediction; arguments as for `predicted_against_true`."""
    figure, ax = new_figure(title, size)
    ax.axhline(0, color=PALE, linewidth=1, zorder=1)
    _points(ax, predicted, predicted - truth)
    ax.set_xlabel(f"predicted {name}", parse_math=False)
    ax.set_ylabel("predicted minus true")
    return figure


def _points(ax: Axes, x: Tensor, y: Tensor) -> None:
    ax.scatter(x.numpy(), y.numpy(), s=16, color=BLUE, alpha=0.6 if len(x) < 300 else 0.3, linewidths=0)
