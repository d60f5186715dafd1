"""Pictures of a training run, as figures that are saved with ``figure.savefig(path)``."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter, PercentFormatter
from torch import Tensor

from plaingrad.data import Dataset

# The palette of M. Okabe and K. Ito, made to be told apart by everyone.
BLUE, ORANGE, GREEN, PURPLE, SKY, YELLOW = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00"
COLOURS = [BLUE, YELLOW, GREEN, PURPLE, SKY, ORANGE]
INK, PALE = "#222222", "#8A8A8A"
DPI = 150


def loss_curve(
    training: Sequence[float],
    validation: Sequence[float] = (),
    *,
    best: int | None = None,
    title: str = "Loss during training",
    ylabel: str = "loss",
) -> Figure:
    """The loss of each epoch; on a logarithmic axis if it falls by more than a factor of ten.

    Args:
        training: the loss of each epoch on the training data.
        validation: the same on validation data.
        best: the epoch, counted from 1, whose network was kept.
        title: stands above.
        ylabel: which loss it is.
    """
    figure, ax = _figure(title, (7, 4.2))
    curves = [("training", training, BLUE), ("validation", validation, ORANGE)]
    shown = [(name, np.asarray(loss, float), colour) for name, loss, colour in curves if len(loss)]
    for name, loss, colour in shown:
        epochs = np.arange(1, len(loss) + 1)
        ax.plot(epochs, loss, color=colour, linewidth=2, marker="o" if len(loss) == 1 else None, label=name)
    values = np.concatenate([loss[np.isfinite(loss)] for _, loss, _ in shown])
    if values.size and values.min() > 0 and values.max() / values.min() > 10:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif values.size and values.min() >= 0:
        ax.set_ylim(bottom=0)
    if best is not None:
        ax.axvline(best, color=PALE, linewidth=1, linestyle=(0, (4, 3)))
        ax.annotate(
            f"kept: epoch {best}",
            (best, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-5 if best > len(training) / 2 else 5, -4),
            textcoords="offset points",
            ha="right" if best > len(training) / 2 else "left",
            va="top",
            color=PALE,
        )
    ax.set_xlim(1, max(2, len(training)))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.set_xlabel("epoch")
    ax.set_ylabel(ylabel)
    ax.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    _label_ends(figure, ax, shown)
    return figure


def decision_boundary(
    classify: Callable[[Tensor], Tensor], data: Dataset, *, title: str = "Decision boundary"
) -> Figure:
    """Which class each place of the plane is given, with the points over it; wrong ones are ringed.

    Args:
        classify: from points ``(n, 2)`` to class indices ``(n,)``.
        data: points of the plane, and their true classes.
        title: stands above.
    """
    figure, ax = _figure(title, (6, 6.5))
    names = data.class_names or [str(k) for k in range(int(data.targets.max()) + 1)]
    colours = [COLOURS[k % len(COLOURS)] for k in range(len(names))]
    low, high = data.inputs.amin(0), data.inputs.amax(0)
    margin = 0.04 * (high - low).clamp(min=1e-6)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    y, x = torch.meshgrid(torch.linspace(bottom, top, 500), torch.linspace(left, right, 500), indexing="ij")
    place = torch.stack([x.reshape(-1), y.reshape(-1)], 1).to(data.inputs.dtype)
    region = classify(place).view(500, 500).numpy()
    ax.imshow(
        region,
        extent=(left, right, bottom, top),
        origin="lower",
        cmap=ListedColormap(colours),
        vmin=-0.5,
        vmax=len(names) - 0.5,
        alpha=0.16,
        interpolation="nearest",
        aspect="auto",
    )
    for k in range(len(names)):
        if (region == k).any() and (region != k).any():
            ax.contour(x.numpy(), y.numpy(), region == k, levels=[0.5], colors=INK, linewidths=1.1)
    wrong = classify(data.inputs) != data.targets
    for k, name in enumerate(names):
        px, py = data.inputs[data.targets == k].T.numpy()
        ax.scatter(px, py, s=11, color=colours[k], linewidths=0, label=name)
    px, py = data.inputs[wrong].T.numpy()
    ax.scatter(px, py, s=75, facecolors="none", edgecolors=INK, linewidths=1.3, label="misclassified")
    for k in range(len(names)):  # a wrong point is drawn again, above its neighbours
        px, py = data.inputs[wrong & (data.targets == k)].T.numpy()
        ax.scatter(px, py, s=20, color=colours[k], linewidths=0)
    ax.set(xlim=(left, right), ylim=(bottom, top), aspect="equal")
    ax.set_xlabel(data.feature_names[0] if data.feature_names else "x1")
    ax.set_ylabel(data.feature_names[1] if data.feature_names else "x2")
    figure.legend(
        *ax.get_legend_handles_labels(),
        loc="outside lower center",
        ncols=min(4, len(names) + 1),
        frameon=False,
        handletextpad=0.2,
        columnspacing=1.6,
    )
    return figure


def confusion_matrix(
    truth: Tensor,
    predicted: Tensor,
    class_names: Sequence[str],
    *,
    title: str = "Predicted against true class",
) -> Figure:
    """How many samples of each class were taken for which; shaded by the share of the true class."""
    classes = len(class_names)
    counts = torch.zeros(classes, classes, dtype=torch.int64)
    counts.index_put_((truth, predicted), torch.ones_like(truth), accumulate=True)
    share = counts / counts.sum(1, keepdim=True).clamp(min=1)
    side = min(12.0, max(4.2, 2.4 + 0.62 * classes))
    figure, ax = _figure(title, (side + 0.8, side))
    image = ax.imshow(share.numpy(), cmap="Blues", vmin=0, vmax=1)
    labels = [name if len(name) <= 18 else name[:17] + "…" for name in class_names]
    ax.set_xticks(range(classes), labels, rotation=45 if max(map(len, labels)) * classes > 40 else 0)
    for label in ax.get_xticklabels() if max(map(len, labels)) * classes > 40 else []:
        label.set(horizontalalignment="right", rotation_mode="anchor")
    ax.set_yticks(range(classes), labels)
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
    truth: Tensor, predicted: Tensor, name: str, *, title: str = "Predicted against true value"
) -> Figure:
    """A point per sample; right predictions lie on the diagonal."""
    figure, ax = _figure(title, (5.8, 5.8))
    low = min(float(truth.min()), float(predicted.min()))
    high = max(float(truth.max()), float(predicted.max()))
    margin = 0.04 * (high - low)
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
    ax.scatter(
        truth.numpy(),
        predicted.numpy(),
        s=22,
        color=BLUE,
        alpha=0.6 if len(truth) < 1000 else 0.25,
        linewidths=0,
    )
    ax.set(xlim=ends, ylim=ends, aspect="equal")
    ax.set_xlabel(f"true {name}")
    ax.set_ylabel(f"predicted {name}")
    return figure


def _figure(title: str, size: tuple[float, float]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
    ax = figure.subplots()
    ax.set_title(textwrap.fill(title, int(8 * size[0])), loc="left", color=INK, fontsize=13, pad=12)
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(PALE)
    ax.tick_params(colors=INK, labelsize=10)
    ax.xaxis.label.set(color=INK, size=11)
    ax.yaxis.label.set(color=INK, size=11)
    return figure, ax


def _label_ends(figure: Figure, ax: Axes, curves: list[tuple[str, np.ndarray, str]]) -> None:
    """Name each curve where it ends, and keep two names apart."""
    figure.draw_without_rendering()
    points = ax.transData.transform([(len(loss), loss[-1]) for _, loss, _ in curves])
    gap = 15 * figure.dpi / 72
    shift = np.zeros(len(curves))
    if len(curves) == 2 and abs(points[0, 1] - points[1, 1]) < gap:
        up = 1 if points[0, 1] >= points[1, 1] else -1
        shift[:] = np.array([up, -up]) * (gap - abs(points[0, 1] - points[1, 1])) / 2
    for (name, loss, colour), dy in zip(curves, shift):
        ax.annotate(
            name,
            (len(loss), loss[-1]),
            xytext=(7, dy * 72 / figure.dpi),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )
