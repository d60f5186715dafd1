"""The pictures of a run's page."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.image import imsave
from matplotlib.ticker import MaxNLocator
from torch import Tensor

from plaingrad.data import Dataset
from plaingrad.drawing import BLUE, COLOURS, INK, PALE, dress, new_figure, svg
from plaingrad.inspect import plots
from plaingrad.inspect.health import EpochHealth, Histogram, LayerHealth
from plaingrad.inspect.thinning import thinned
from plaingrad.train import History

SIZE, WIDE = (4.6, 3.1), (4.6, 2.2)  # inches; letters stay legible on a phone that is about as wide
MOST_LAYERS = 24  # in the histograms
MOST_IMAGES = 24
SHADES = (0.3, 0.6, 1.0)  # of the first, the middle and the last epoch

Value = Callable[[LayerHealth], float | None]


class Picture(NamedTuple):
    """A picture of the page.

    Attributes:
        svg: the element.
        caption: the text below it.
    """

    svg: str
    caption: str


class Sample(NamedTuple):
    """A sample as an image.

    Attributes:
        number: its index in the data.
        png: the image, in base64.
        caption: the true and the predicted class.
    """

    number: int
    png: str
    caption: str


def curves(history: History) -> Iterator[Picture]:
    """The loss, and each metric with its validation values."""
    figure, ax = new_figure("", SIZE)
    history.plot(ax)
    yield Picture(svg(figure, "loss"), "The loss of each epoch, as it was met in training.")
    known = {"loss", "lr", "seconds", "penalty"}
    for name in [each for each in history.epochs if not each.startswith("val_") and each not in known]:
        figure, ax = new_figure("", SIZE)
        epochs = range(1, len(history) + 1)
        ax.plot(epochs, history[name], color=BLUE, label="training")
        if f"val_{name}" in history.epochs:
            ax.plot(epochs, history[f"val_{name}"], color=COLOURS[1], label="validation")
            ax.legend(frameon=False, labelcolor=INK)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("epoch")
        ax.set_ylabel(name, parse_math=False)
        yield Picture(svg(figure, f"curve-{name}"), f"{name} after each epoch.")


def by_epoch(epochs: Sequence[EpochHealth]) -> Iterator[Picture]:
    """Curves of the layers over the epochs: gradients, updates, dead and saturated units."""
    drawn: tuple[tuple[str, str, Value, bool, str], ...] = (
        ("gradient", "norm", lambda layer: layer.gradient_out if layer.has_parameters else None, True,
         "The gradient of the loss with respect to the output of each layer with parameters; 0 is left out."),
        ("update", "update / weight", lambda layer: layer.update, True,
         "The size of one update as a share of the weight's; about 0.001, the line, is usual."),
        ("dead", "dead units", lambda layer: layer.dead, False,
         "The share of the units that pass on no gradient for any sample."),
        ("saturated", "saturated outputs", lambda layer: layer.saturated, False,
         "The share of the outputs on the flat ends of the activation."),
    )  # fmt: skip
    for name, label, value, logarithmic, caption in drawn:
        paths = [layer.path for layer in epochs[0].layers if any(value(each[layer.path]) for each in epochs)]
        if not paths:
            continue
        figure, ax = new_figure("", SIZE)
        if name == "update":
            ax.axhline(1e-3, color=PALE, linewidth=1)
        for i, path in enumerate(paths):
            numbers = [value(each[path]) or np.nan for each in epochs] if logarithmic else None
            shares = [value(each[path]) or 0.0 for each in epochs]
            style = "-" if i < len(COLOURS) else "--"
            colour = COLOURS[i % len(COLOURS)]
            ax.plot([each.epoch or 0 for each in epochs], numbers or shares, style, color=colour, label=path)
        if logarithmic:
            ax.set_yscale("log")
        else:
            ax.set_ylim(-0.02, 1.02)
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.set_xlabel("epoch")
        ax.set_ylabel(label)
        legend = ax.legend(frameon=False, fontsize=8, ncols=1 + len(paths) // 6, labelcolor=INK)
        for text in legend.get_texts():
            text.set_parse_math(False)
        yield Picture(svg(figure, name), caption)


def histograms(epochs: Sequence[EpochHealth]) -> Iterator[Picture]:
    """The distribution of each layer's outputs and of their gradients: first, middle and last epoch."""
    shown = list(dict.fromkeys([0, len(epochs) // 2, len(epochs) - 1]))
    for layer in epochs[-1].layers[:MOST_LAYERS]:
        figure, _ = new_figure("", WIDE)
        figure.clear()
        axes = figure.subplots(1, 2)
        for ax, title in zip(axes, ("outputs", "gradients")):
            dress(ax, "")
            ax.set_xlabel(title)
            ax.set_yticks([])
            ax.spines["left"].set_visible(False)
            ax.xaxis.set_major_locator(MaxNLocator(3))
        for index, shade in zip(shown, SHADES[-len(shown) :]):
            at_epoch = epochs[index][layer.path]
            outline(axes[0], at_epoch.activations, shade)
            outline(axes[1], at_epoch.gradients, shade)
        when = ", ".join(str(epochs[index].epoch) for index in shown)
        caption = layer.name if len(shown) == 1 else f"{layer.name}; after epochs {when}, the last darkest"
        yield Picture(svg(figure, f"histogram-{layer.path}"), caption)


def outline(ax: Axes, drawn: Histogram | None, shade: float) -> None:
    """Draw the outline of a histogram, its highest bin as high as that of others."""
    if drawn is None or drawn.high == drawn.low:
        return
    counts = np.asarray(drawn.counts, float)
    edges = np.linspace(drawn.low, drawn.high, len(counts) + 1)
    ax.stairs(counts / counts.max(), edges, color=BLUE, alpha=shade, linewidth=1.3)


def boundary(classify: Callable[[Tensor], Tensor], data: Dataset) -> Picture:
    """The predicted class over the plane, with some of the samples."""
    chosen = thinned(data)
    figure = plots.decision_boundary(classify, chosen, title="")
    note = f"; {len(chosen)} of {len(data):,} samples" if chosen is not data else ""
    return Picture(
        svg(figure, "boundary"), f"The predicted class by its colour; wrong samples are ringed{note}."
    )


def samples(inputs: Tensor, truth: Tensor, predicted: Tensor, names: Sequence[str]) -> Iterator[Sample]:
    """The first misclassified samples, as images."""
    pixels = inputs if inputs.ndim == 4 else inputs[:, None]
    low, high = float(pixels.min()), float(pixels.max())
    for index in (truth != predicted).nonzero()[:MOST_IMAGES, 0].tolist():
        image = ((pixels[index] - low) / (high - low or 1.0)).expand(3, -1, -1).movedim(0, -1)
        stream = io.BytesIO()
        imsave(stream, image.float().numpy(force=True), format="png")
        caption = f"{names[int(truth[index])]}, predicted {names[int(predicted[index])]}"
        yield Sample(index, base64.b64encode(stream.getvalue()).decode(), caption)


def are_images(inputs: Tensor) -> bool:
    """True for images ``(n, height, width)``, or ``(n, channels, height, width)`` with 1 or 3 channels."""
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point() or min(inputs.shape[-2:]) < 4:
        return False
    return inputs.ndim == 3 or (inputs.ndim == 4 and inputs.shape[1] in (1, 3))
