"""The loss curve of a training run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import normalize_kwargs
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from plaingrad.drawing import BLUE, ORANGE, PALE


def draw_losses(
    ax: Axes,
    training: Sequence[float],
    validation: Sequence[float] = (),
    best: int | None = None,
    ylabel: str = "loss",
    styles: Sequence[Mapping[str, Any]] = ({}, {}),
) -> None:
    """Draw the loss of each epoch; on a logarithmic axis if it falls by more than a factor of ten.

    A curve without any finite loss is left out.

    Args:
        ax: the axes to draw on.
        training: the loss of each epoch on the training data.
        validation: the same on validation data.
        best: the epoch to mark as kept, counted from 1.
        ylabel: the name of the loss.
        styles: options of ``ax.plot`` for each curve.
    """
    curves = [("training", training, BLUE), ("validation", validation, ORANGE)]
    shown = []
    for (name, curve, colour), style in zip(curves, styles):
        loss = np.asarray(curve, float)
        if not np.isfinite(loss).any():
            continue
        own = {"color": colour, "linewidth": 2, "marker": "o" if len(loss) == 1 else None, "label": name}
        custom = normalize_kwargs(dict(style), Line2D)
        (line,) = ax.plot(np.arange(1, len(loss) + 1), loss, **{**own, **custom})
        shown.append((str(line.get_label()), loss, line.get_color()))
    values = np.concatenate([np.empty(0), *(loss[np.isfinite(loss)] for _, loss, _ in shown)])
    falls = values.size and values.min() > 0 and values.max() / values.min() > 10
    if falls or ax.get_yscale() == "log":  # as set by other axes that share the scale
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_formatter(NullFormatter())
    elif values.size and values.min() >= 0:
        ax.set_ylim(bottom=0, auto=True)
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
    ax.set_ylabel(ylabel, parse_math=False)
    ax.grid(axis="y", color="#E6E6E6", linewidth=0.8)
    _label_ends(ax, shown)


def _label_ends(ax: Axes, curves: Sequence[tuple[str, np.ndarray, Any]]) -> None:
    """Label each curve at its end; shift two labels that would overlap."""
    figure = ax.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()  # computes the layout, and with it the points' positions on the page
    ends = [_end(loss) for _, loss, _ in curves]
    points = ax.transData.transform(ends)
    gap = 15 * figure.dpi / 72
    shift = np.zeros(len(curves))
    if len(curves) == 2 and abs(points[0, 1] - points[1, 1]) < gap:
        up = 1 if points[0, 1] >= points[1, 1] else -1
        shift[:] = np.array([up, -up]) * (gap - abs(points[0, 1] - points[1, 1])) / 2
    for (name, _, colour), end, dy in zip(curves, ends, shift):
        ax.annotate(
            name,
            end,
            xytext=(7, dy * 72 / figure.dpi),
            textcoords="offset points",
            va="center",
            color=colour,
            annotation_clip=False,
        )


def _end(loss: np.ndarray) -> tuple[int, float]:
    """The last epoch with a finite loss, and this loss."""
    last = int(np.flatnonzero(np.isfinite(loss))[-1])
    return last + 1, float(loss[last])
