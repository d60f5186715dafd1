"""Scores of predictions."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn import metrics

from plaingrad.tables import Target


@dataclass(frozen=True)
class Predictions:
    """Predictions for rows.

    Attributes:
        codes: indices of the predicted classes among the labels, or scaled numbers, ``(rows,)``.
        probabilities: of all classes, ``(rows, classes)``; None for numbers.
    """

    codes: np.ndarray
    probabilities: np.ndarray | None = None


def class_scores(truth: np.ndarray, codes: np.ndarray, probabilities: np.ndarray) -> dict[str, float | None]:
    """Accuracy, balanced accuracy, log loss and area under the ROC curve.

    Args:
        truth: indices of the true classes, ``(rows,)``.
        codes: of the predicted ones, ``(rows,)``.
        probabilities: of all classes, ``(rows, classes)``.

    Returns:
        The scores by name; None for a ROC AUC of rows that do not have all classes.
    """
    classes = np.arange(probabilities.shape[1])
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(1, keepdims=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of rows that do not have all classes
        balanced = metrics.balanced_accuracy_score(truth, codes)
    return {
        "accuracy": float(metrics.accuracy_score(truth, codes)),
        "balanced_accuracy": float(balanced),
        "log_loss": float(metrics.log_loss(truth, probabilities, labels=classes)),
        "roc_auc": _roc_auc(truth, probabilities, classes),
    }


def _roc_auc(truth: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> float | None:
    if len(np.unique(truth)) < len(classes):
        return None
    if len(classes) == 2:
        return float(metrics.roc_auc_score(truth, probabilities[:, 1]))
    return float(metrics.roc_auc_score(truth, probabilities, multi_class="ovr", labels=classes))


def rank_scores(truth: np.ndarray, codes: np.ndarray) -> dict[str, float | None]:
    """The mean absolute error of ranks, and Cohen's kappa with quadratic weights.

    Args:
        truth: indices of the true classes in their order, ``(rows,)``.
        codes: of the predicted ones, ``(rows,)``.

    Returns:
        The scores by name; None for a kappa of rows that are all of one class, and predicted so.
    """
    alike = len(np.unique([truth, codes])) == 1
    kappa = None if alike else float(metrics.cohen_kappa_score(truth, codes, weights="quadratic"))
    return {"rank_mae": float(np.abs(codes - truth).mean()), "weighted_kappa": kappa}


def number_scores(truth: np.ndarray, values: np.ndarray) -> dict[str, float | None]:
    """R² (None for a single row), root mean squared and mean absolute error of numbers ``(rows,)``."""
    return {
        "r2": float(metrics.r2_score(truth, values)) if len(truth) > 1 else None,
        "rmse": float(metrics.root_mean_squared_error(truth, values)),
        "mae": float(metrics.mean_absolute_error(truth, values)),
    }


def quantile_scores(truth: np.ndarray, values: np.ndarray, quantile: float) -> dict[str, float | None]:
    """The pinball loss of a predicted quantile ``(rows,)``, and the share of the values that lie below."""
    return {
        "pinball": float(metrics.mean_pinball_loss(truth, values, alpha=quantile)),
        "below": float(np.mean(truth <= values)),
    }


def quantile_of(settings: Mapping[str, Any]) -> float | None:
    """The quantile that a network was trained to predict; None if it was another loss that trained it."""
    quantile = settings.get("quantile")
    asked = settings.get("loss") == "quantile" and isinstance(quantile, float) and 0 < quantile < 1
    return quantile if asked else None


def first_score(
    target: Target, truth: np.ndarray, codes: np.ndarray, quantile: float | None
) -> tuple[str, float]:
    """Name and value of the first of `scores`, without the cost of the others; nan of a single number."""
    if target.task == "ordinal":
        return "rank_mae", float(np.abs(codes - truth).mean())
    if target.labels:
        return "accuracy", float(np.mean(codes == truth))
    values = target.undo(truth), target.undo(codes)
    if quantile is not None:
        return "pinball", float(metrics.mean_pinball_loss(*values, alpha=quantile))
    return "r2", float(metrics.r2_score(*values)) if len(truth) > 1 else np.nan


def scores(
    target: Target, truth: np.ndarray, predictions: Predictions, quantile: float | None
) -> dict[str, float | None]:
    """The scores that suit what was learned.

    Args:
        target: what is predicted.
        truth: its true values, encoded as `plaingrad.tables.model.rows.Rows.codes`.
        predictions: of the same rows.
        quantile: which of the target's quantiles was learned; None for its mean, or for classes.
    """
    if predictions.probabilities is not None:
        ranks = rank_scores(truth, predictions.codes) if target.task == "ordinal" else {}
        return {**ranks, **class_scores(truth, predictions.codes, predictions.probabilities)}
    values = target.undo(truth), target.undo(predictions.codes)
    return number_scores(*values) if quantile is None else quantile_scores(*values, quantile)


def per_class(target: Target, truth: np.ndarray, codes: np.ndarray) -> dict[str, dict[str, float]]:
    """Precision, recall, F1 and number of rows of each class."""
    labels = range(len(target.labels))
    measures = metrics.precision_recall_fscore_support(truth, codes, labels=labels, zero_division=0.0)
    return {
        name: {"precision": float(p), "recall": float(r), "f1": float(f), "rows": int(n)}
        for name, p, r, f, n in zip(target.class_names, *measures)
    }


def confusion(target: Target, truth: np.ndarray, codes: np.ndarray) -> list[list[int]]:
    """The number of rows of each true class, in rows, that were predicted as each class, in columns."""
    return metrics.confusion_matrix(truth, codes, labels=range(len(target.labels))).tolist()


def judged(
    target: Target, truth: np.ndarray, predictions: Predictions, quantile: float | None = None
) -> dict[str, Any]:
    """The report on predictions, but for plots; arguments as for `scores`."""
    report: dict[str, Any] = {"rows": len(truth), "scores": scores(target, truth, predictions, quantile)}
    if target.labels:
        report["classes"] = per_class(target, truth, predictions.codes)
        report["confusion"] = confusion(target, truth, predictions.codes)
    else:
        off = target.undo(predictions.codes) - target.undo(truth)
        counts, edges = np.histogram(off, bins=_edges(off))
        report["errors"] = {"edges": edges.tolist(), "counts": counts.tolist()}
    return report


def _edges(off: np.ndarray) -> np.ndarray:
    """Ends of nine equal intervals around 0 that hold almost all errors, and of all."""
    reach = float(np.quantile(np.abs(off), 0.99)) or 1.0
    edges = np.linspace(-reach, reach, 10)
    edges[0], edges[-1] = min(edges[0], off.min()), max(edges[-1], off.max())
    return edges
