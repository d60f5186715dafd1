"""Metrics: measures of predictions, as one number."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.nn import Loss
from plaingrad.nn.loss.classes import ClassLoss
from plaingrad.parameter import shape
from plaingrad.train.class_metrics import accuracy, error, f1, precision, recall, roc_auc, top_k_accuracy
from plaingrad.train.several import Losses

Metric = Callable[[Any, Any], "Tensor | float"]
Metrics = Sequence[str | Metric] | Mapping[str, Sequence[str | Metric]]

# These losses treat a single column of predictions as log-odds, positive for the second class.
LOSSES_OF_LOGITS = ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss", "SoftMarginLoss")


def mse(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean squared error."""
    return _difference(prediction, target).square().mean()


def mae(prediction: Tensor, target: Tensor) -> Tensor:
    """The mean absolute error."""
    return _difference(prediction, target).abs().mean()


def r2(prediction: Tensor, target: Tensor) -> Tensor:
    """The coefficient of determination, averaged over the outputs.

    1 is perfect, 0 as good as the mean of the targets. An output whose target never changes counts as 1 if
    it is met exactly, else as 0.
    """
    missed = _difference(prediction, target).square().sum(0)
    spread = (target.double() - target.double().mean(0)).square().sum(0)
    constant = torch.where(missed == 0, 1.0, 0.0).double()
    return torch.where(spread > 0, 1 - missed / spread, constant).mean()


def _difference(prediction: Tensor, target: Tensor) -> Tensor:
    if prediction.shape != target.shape:
        raise InputError(f"metric: expected targets {shape(prediction)} as predicted, got {shape(target)}")
    return prediction.double() - target.double()


CLASS_METRICS: dict[str, Metric] = {
    "accuracy": accuracy,
    "error": error,
    "f1": f1,
    "precision": precision,
    "recall": recall,
    "roc_auc": roc_auc,
    "top_k_accuracy": top_k_accuracy,
}
METRICS: dict[str, Metric] = {**CLASS_METRICS, "mse": mse, "mae": mae, "r2": r2}


def named(metrics: Any, loss: Loss | None) -> dict[str, Metric]:
    """The functions of these metrics by name; a callable's name is its own.

    Args:
        metrics: names from `METRICS`, or callables ``(prediction, target) -> number``; for several outputs a
            dict with these for each, by the names of the losses.
        loss: decides whether a single column of predictions means a logit or a probability, and which targets
            a metric of classes, by its name, leaves out: those that it ignores.
    """
    if not isinstance(loss, Losses):
        if isinstance(metrics, Mapping):
            raise InputError("metrics: expected a list of names or callables, for a single loss, got a dict")
        return _named(metrics, loss)
    if not isinstance(metrics, Mapping):
        functions = _named(metrics, None)
        if strings := [metric for metric in metrics if isinstance(metric, str)]:
            raise InputError(f"metrics: expected a dict with a list for each output, got {strings[0]!r}")
        return functions
    if unknown := [name for name in metrics if name not in loss.names]:
        raise InputError(f"metrics: expected names of losses, {', '.join(loss.names)}, got {unknown[0]!r}")
    return {
        f"{output}_{name}": _of_output(loss, loss.names.index(output), metric)
        for output, own in metrics.items()
        for name, metric in _named(own, loss.parts[loss.names.index(output)]).items()
    }


def _named(metrics: Any, loss: Any) -> dict[str, Metric]:
    if isinstance(metrics, str):
        raise InputError(f"metrics: expected a list of names or callables, got the string {metrics!r}")
    if not isinstance(metrics, Iterable):
        raise InputError(f"metrics: expected a list of names or callables, got {metrics!r}")
    functions: dict[str, Metric] = {}
    for metric in metrics:
        by_name = isinstance(metric, str)
        name = metric if by_name else getattr(metric, "__name__", type(metric).__name__)
        if by_name and metric in METRICS:
            metric = METRICS[metric]
        if not callable(metric):
            known = ", ".join(METRICS)
            raise InputError(f"metrics: expected a callable or one of {known}, got {metric!r}")
        function = _of_logits(metric, type(loss).__name__)
        ignores = by_name and name in CLASS_METRICS and isinstance(loss, ClassLoss)
        functions[name] = _of_counted(function, loss) if ignores else function
    return functions


def _of_logits(metric: Metric, loss: str) -> Metric:
    if metric is roc_auc and loss == "CrossEntropyLoss":
        return lambda prediction, target: roc_auc(prediction.double().softmax(1), target)
    if metric not in (accuracy, error, f1, precision, recall) or loss not in LOSSES_OF_LOGITS:
        return metric
    return lambda prediction, target: metric(prediction, target, 0.0)  # type: ignore[call-arg]


def _of_counted(metric: Metric, loss: ClassLoss) -> Metric:
    """The metric of the targets that the loss does not ignore; NaN if it ignores all."""

    def of_counted(prediction: Tensor, target: Tensor) -> Tensor | float:
        ignored = target == loss.ignored
        fits = prediction.ndim > 1 and target.shape == prediction.shape[:1] + prediction.shape[2:]
        if target.is_floating_point() or not fits or not ignored.any():
            return metric(prediction, target)
        if ignored.all():
            return math.nan
        return metric(prediction.movedim(1, -1)[~ignored], target[~ignored])

    return of_counted


def _of_output(loss: Losses, i: int, metric: Metric) -> Metric:
    return lambda prediction, target: metric(loss.chosen(prediction)[i], target[i])
