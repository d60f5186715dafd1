"""Metrics: measures of predictions, as one number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.nn import Loss
from plaingrad.parameter import shape

Metric = Callable[[Tensor, Tensor], "Tensor | float"]

# These losses treat a single column of predictions as log-odds, positive for the second class.
LOSSES_OF_LOGITS = ("BCEWithLogitsLoss", "MultiLabelSoftMarginLoss", "SoftMarginLoss")


def accuracy(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of samples whose class is predicted.

    Args:
        prediction: a column of scores per class, ``(n, classes, ...)``; or a single column, ``(n,)`` or
            ``(n, 1)``.
        target: class indices ``(n, ...)``, or one row of scores per sample as in ``prediction`` (one-hot, for
            instance). For a single column of predictions: labels 0 and 1, or -1 and 1.
        threshold: for a single column, the value above which it means the second class: 0.5 for a
            probability, 0 for a logit.
    """
    return _hits(prediction, target, threshold).double().mean()


def error(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of samples whose class is not predicted; arguments as for `accuracy`."""
    return (~_hits(prediction, target, threshold)).double().mean()


def _hits(prediction: Tensor, target: Tensor, threshold: float) -> Tensor:
    if prediction.ndim > 1 and prediction.shape[1] > 1:
        predicted = prediction.argmax(1)
        expected_classes = target.argmax(1) if target.shape == prediction.shape else target
    else:
        predicted = prediction.reshape(-1) > threshold
        expected_classes = target.reshape(-1) > 0.5
    if predicted.shape != expected_classes.shape:
        expected = f"a class or a row of scores for each prediction of {shape(prediction)}"
        raise InputError(f"accuracy: expected {expected}, got targets {shape(target)}")
    return predicted == expected_classes


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


METRICS: dict[str, Metric] = {"accuracy": accuracy, "error": error, "mse": mse, "mae": mae, "r2": r2}


def named(metrics: Sequence[str | Metric], loss: Loss | None) -> dict[str, Metric]:
    """The functions of these metrics by name; a callable's name is its own.

    Args:
        metrics: names from `METRICS`, or callables ``(prediction, target) -> number``.
        loss: decides whether a single column of predictions means a logit or a probability.
    """
    if isinstance(metrics, str):
        raise InputError(f"metrics: expected a list of names or callables, got the string {metrics!r}")
    if not isinstance(metrics, Iterable):
        raise InputError(f"metrics: expected a list of names or callables, got {metrics!r}")
    functions: dict[str, Metric] = {}
    for metric in metrics:
        name = metric if isinstance(metric, str) else getattr(metric, "__name__", type(metric).__name__)
        if isinstance(metric, str) and metric in METRICS:
            metric = METRICS[metric]
        if not callable(metric):
            known = ", ".join(METRICS)
            raise InputError(f"metrics: expected a callable or one of {known}, got {metric!r}")
        functions[name] = _of_logits(metric) if type(loss).__name__ in LOSSES_OF_LOGITS else metric
    return functions


def _of_logits(metric: Metric) -> Metric:
    if metric not in (accuracy, error):
        return metric
    return lambda prediction, target: metric(prediction, target, 0.0)  # type: ignore[call-arg]
