"""Figures of a training run; ``figure.savefig(path)`` saves one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor

from plaingrad.contract.nest import brief
from plaingrad.data import Dataset
from plaingrad.data.dataset import as_tensor
from plaingrad.drawing import BLUE, INK, PALE, new_figure
from plaingrad.errors import InputError
from plaingrad.inspect.classes import predicted_classes, threshold_of, with_classes
from plaingrad.inspect.layers import network as network
from plaingrad.inspect.plane import Plane
from plaingrad.module import Module
from plaingrad.train import History, predict


def loss_curve(
    history: History, *, best: int | None = None, title: str = "Loss during training", ylabel: str = "loss"
) -> Figure:
    """Plot the loss of each epoch; arguments as for `History.plot`."""
    if not isinstance(history, History):
        raise InputError(f"history: expected what plaingrad.fit returns, got {brief(history)}")
    figure, ax = new_figure(title, (7, 4.2))
    history.plot(ax, best=best, ylabel=ylabel)
    return figure


def decision_boundary(
    classify: Module | Callable[[Tensor], Any], data: Any, *more: Any, title: str = "Decision boundary"
) -> Figure:
    """Plot the predicted class over the plane, with the data; misclassified points are ringed.

    Args:
        classify: a network with an output for each class; or with a single one, which means the second of two
            classes above 0, above 0.5 if it is the network's last sigmoid; or a function from points
            ``(n, 2)`` to class indices ``(n,)``.
        data: points of the plane, and their true classes, as indices, one-hot, 0 and 1, or -1 and 1: a data
            set, or a pair of tensors, arrays or lists.
        more: nothing; targets that are passed by themselves are refused.
        title: the title.

    Raises:
        InputError: the data are no points of a plane with a class index for each.
    """
    if more:
        raise InputError(
            f"data: expected inputs and targets as a pair, (x, y), got {len(more) + 1} arguments"
        )
    classify, data = _classified(classify, data)
    if not isinstance(data.inputs, Tensor) or data.inputs.ndim != 2 or data.inputs.shape[1] != 2:
        raise InputError(f"data: expected points (n, 2) of the plane, got {data!r}")
    plane = Plane(data, 500)
    figure, ax = plane.figure(title)
    plane.draw_region(ax, classify(plane.grid))
    plane.draw_points(ax, classify(data.inputs) != data.targets)
    plane.draw_legend(figure, ax)
    return figure


def confusion_matrix(
    truth: Any,
    predicted: Any,
    class_names: Sequence[str] = (),
    *,
    title: str = "Predicted against true class",
) -> Figure:
    """Plot the number of samples of each true and predicted class, shaded by the share of the true class.

    Args:
        truth: the true class indices ``(n,)``, a tensor, array or list; or a network as for
            `decision_boundary`.
        predicted: the predicted ones; or, after a network, the data set that it is tried on, or a pair.
        class_names: a name for each class; by default those of the data set, or the indices.
        title: the title.

    Raises:
        InputError: there is not one predicted class for each true one, or a class without a name.
    """
    if isinstance(truth, Module):
        classify, data = _classified(truth, predicted)
        class_names = class_names or data.class_names
        truth, predicted = data.targets, classify(data.inputs)
    truth, predicted = _tensor("truth", truth).long(), _tensor("predicted", predicted).long()
    if truth.ndim != 1 or truth.shape != predicted.shape:
        got = f"{tuple(truth.shape)} and {tuple(predicted.shape)}"
        raise InputError(f"predicted: expected a class for each in truth, both (n,), got {got}")
    most = int(torch.cat([truth, predicted]).max()) + 1 if len(truth) else 0
    class_names = class_names or [str(k) for k in range(most)]
    if most > len(class_names):
        raise InputError(f"class_names: expected a name for each of {most} classes, got {len(class_names)}")
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
    truth: Any,
    predicted: Any,
    name: str = "value",
    *,
    title: str = "Predicted against true value",
    size: tuple[float, float] = (5.8, 5.8),
) -> Figure:
    """Plot predictions over true values; right predictions lie on the diagonal.

    Args:
        truth: the true values, any shape: a tensor, array or list; or a network.
        predicted: the predictions, in the same shape; or, after a network, the data set that it is tried on,
            or a pair.
        name: the name of the quantity.
        title: the title.
        size: width and height in inches.

    Raises:
        InputError: the two have different shapes.
    """
    truth, predicted = _values(truth, predicted)
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
    truth: Any,
    predicted: Any,
    name: str = "value",
    *,
    title: str = "Errors of the predictions",
    size: tuple[float, float] = (5.8, 5.8),
) -> Figure:
    """Plot the error of each prediction over the prediction; arguments as for `predicted_against_true`."""
    truth, predicted = _values(truth, predicted)
    figure, ax = new_figure(title, size)
    ax.axhline(0, color=PALE, linewidth=1, zorder=1)
    _points(ax, predicted, predicted - truth)
    ax.set_xlabel(f"predicted {name}", parse_math=False)
    ax.set_ylabel("predicted minus true")
    return figure


def _points(ax: Axes, x: Tensor, y: Tensor) -> None:
    ax.scatter(x.numpy(), y.numpy(), s=16, color=BLUE, alpha=0.6 if len(x) < 300 else 0.3, linewidths=0)


def _classified(classify: Any, data: Any) -> tuple[Callable[[Tensor], Tensor], Dataset]:
    """A function from inputs to class indices, of one or of a network, and the data with class indices."""
    whole = Dataset.of(data).to("cpu")
    classified = with_classes(whole)
    if classified is None:
        raise InputError(f"data: expected a class index for each sample, got {whole!r}")
    if not isinstance(classify, Module):
        return lambda x: _tensor("classes", classify(x)).cpu(), classified
    threshold = threshold_of(classify, whole)
    return lambda x: predicted_classes(predict(classify, x), threshold).cpu(), classified


def _values(truth: Any, predicted: Any) -> tuple[Tensor, Tensor]:
    """True values and predictions, of these themselves or of a network and its data."""
    if isinstance(truth, Module):
        data = Dataset.of(predicted)
        truth, predicted = data.targets, predict(truth, data.inputs)
    truth, predicted = _tensor("truth", truth).cpu(), _tensor("predicted", predicted).cpu()
    if truth.shape != predicted.shape:
        got = f"{tuple(truth.shape)} and {tuple(predicted.shape)}"
        raise InputError(f"predicted: expected one for each true value, in the same shape, got {got}")
    return truth, predicted


def _tensor(name: str, values: Any) -> Tensor:
    return as_tensor(name, values).detach()
