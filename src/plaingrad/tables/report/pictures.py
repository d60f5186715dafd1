"""The pictures of a report: drawn by matplotlib, and made part of a page that may be light or dark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from plaingrad.drawing import BLUE, INK, ORANGE, PALE, new_figure, svg
from plaingrad.inspect import plots
from plaingrad.tables import Target
from plaingrad.train import History

SIZE, SQUARE = (4.6, 3.1), (4.2, 4.0)  # inches; letters stay legible on a phone that is about as wide
MOST_POINTS = 1500


def loss_curve(history: History, best: int | None, loss: str) -> str:
    """The loss of each epoch."""
    figure, ax = new_figure("", SIZE)
    history.plot(ax, best=best, ylabel=loss)
    return svg(figure, "loss")


def of_numbers(target: Target, truth: np.ndarray, predictions: np.ndarray) -> dict[str, str]:
    """The pictures of predicted numbers; of a sample of the rows, if there are many.

    Args:
        target: what is predicted.
        truth: the scaled true values, ``(rows,)``.
        predictions: the scaled predictions, ``(rows,)``.
    """
    shown = np.random.default_rng(0).permutation(len(truth))[:MOST_POINTS]
    true, predicted = (torch.from_numpy(target.undo(values[shown])) for values in (truth, predictions))
    drawings = {"predicted": plots.predicted_against_true, "residuals": plots.residuals}
    return {
        name: svg(draw(true, predicted, target.name, title="", size=SQUARE), name)
        for name, draw in drawings.items()
    }


def calibration(data: Mapping[str, Any]) -> str:
    """The share of rows of a class against its predicted probability, over the number of rows."""
    figure, ax = new_figure("", SIZE)
    bins = data["bins"]
    ax.plot([0, 1], [0, 1], color=PALE, linewidth=1)
    ax.plot(
        [each["probability"] for each in bins], [each["share"] for each in bins],
        "o-", color=BLUE, markersize=4, linewidth=1.5,
    )  # fmt: skip
    most = max(each["rows"] for each in bins)
    below = ax.twinx()
    below.bar(
        [each["low"] for each in bins], [each["rows"] for each in bins],
        width=[each["high"] - each["low"] for each in bins], align="edge", color=ORANGE, alpha=0.3,
    )  # fmt: skip
    for each in bins:
        middle = (each["low"] + each["high"]) / 2
        below.text(middle, each["rows"], f"{each['rows']:,}", ha="center", va="bottom", fontsize=6, color=INK)
    below.set_ylim(0, 4 * most)
    below.set_axis_off()
    ax.set_xlim(0, 1)
    ax.set_ylim(-0.02, 1.02)
    of = f"of {data['of']}" if data["of"] is not None else "of the predicted class"
    ax.set_xlabel(f"predicted probability {of}".replace("$", r"\$"))
    ax.set_ylabel("share of the rows")
    return svg(figure, "calibration")


def search(values: Sequence[float | None], measure: str = "loss", larger: bool = False) -> str:
    """The validation loss, or another measure, of each setting that was tried, and the best so far."""
    figure, ax = new_figure("", SIZE)
    losses = np.array([np.nan if value is None else value for value in values])
    trials = np.arange(1, len(losses) + 1)
    ax.plot(trials, losses, "o", color=BLUE, markersize=4, alpha=0.7)
    ax.plot(
        trials,
        (np.fmax if larger else np.fmin).accumulate(losses),
        color=ORANGE,
        linewidth=1.5,
        drawstyle="steps-post",
    )
    low, high = np.nanquantile(losses, [0.1, 1.0] if larger else [0.0, 0.9])
    if high > low:
        below, above = (0.25, 0.08) if larger else (0.08, 0.25)
        ax.set_ylim(low - below * (high - low), high + above * (high - low))
    ax.set_xlabel("setting")
    ax.set_ylabel(f"validation {measure}; best so far")
    return svg(figure, "search")
