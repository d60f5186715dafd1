"""Scores of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn import metrics

from plaingrad.tables import Target
from plaingrad.tables.report import measures
from plaingrad.tables.report.calibration import calibration


@dataclass(frozen=True)
class Predictions:
    """Predictions for rows.

    Attributes:
        codes: indices of the predicted classes among the labels, or scaled numbers, ``(rows,)``.
        probabilities: of all classes, ``(rows, classes)``; None for numbers.
    """

    codes: np.ndarray
    probabilities: np.ndarray | None = None

    def take(self, rows: np.ndarray) -> Predictions:
        """Those for some of the rows."""
        probabilities = self.probabilities
        return Predictions(self.codes[rows], None if probabilities is None else probabilities[rows])


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


@dataclass(frozen=True)
class Scoring:
    """Scores of predictions that suit what was learned.

    Attributes:
        target: what is predicted.
        quantile: which of the target's quantiles was learned; None for its mean, or for classes.
        positive: the index in ``target.labels`` of the class whose F1 and average precision are meant, if
            there are two; by default the rarer one of the rows.
        costs: of a false positive and of a false negative, if there is a score "cost" too.
    """

    target: Target
    quantile: float | None = None
    positive: int | None = None
    costs: tuple[float, float] | None = None

    def scores(self, truth: np.ndarray, predictions: Predictions) -> dict[str, float | None]:
        """The scores of predictions for rows.

        Args:
            truth: the true values, encoded as `plaingrad.tables.model.rows.Rows.codes`.
            predictions: of the same rows.

        Returns:
            The scores by name; None for one that such rows do not have, such as the ROC AUC of rows that lack
            a class.
        """
        every = self.replicated(truth, predictions, np.ones((len(truth), 1)))
        return {name: None if np.isnan(values[0]) else float(values[0]) for name, values in every.items()}

    def replicated(
        self, truth: np.ndarray, predictions: Predictions, weights: np.ndarray
    ) -> dict[str, np.ndarray]:
        """The scores for weights of the rows ``(rows, replicates)``, each ``(replicates,)``; nan for None."""
        probabilities = predictions.probabilities
        if probabilities is not None:
            positive = self.settled(truth).positive
            every = measures.of_classes(truth, predictions.codes, probabilities, positive, weights)
            if self.target.task == "ordinal":
                every = {**measures.of_ranks(truth, predictions.codes, weights), **every}
            if self.costs is None:
                return every
            wrong = np.where(truth == positive, self.costs[1], self.costs[0]) * (truth != predictions.codes)
            return {**every, "cost": wrong @ weights / weights.sum(0)}
        values = self.target.undo(truth), self.target.undo(predictions.codes)
        if self.quantile is None:
            return measures.of_numbers(*values, weights)
        return measures.of_quantiles(*values, self.quantile, weights)

    def settled(self, truth: np.ndarray) -> Scoring:
        """The same with the positive class that these true values have by default."""
        if self.positive is not None or len(self.target.labels) != 2:
            return self
        return replace(self, positive=rarer(truth))


def rarer(codes: np.ndarray) -> int:
    """The rarer of two classes; the second if there are as many rows of both."""
    return int(2 * codes.sum() <= len(codes))


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


def judged(scoring: Scoring, truth: np.ndarray, predictions: Predictions) -> dict[str, Any]:
    """The report on predictions, but for plots; arguments as for `Scoring.scores`."""
    target = scoring.target
    report: dict[str, Any] = {"rows": len(truth), "scores": scoring.scores(truth, predictions)}
    if predictions.probabilities is not None:
        report["classes"] = per_class(target, truth, predictions.codes)
        report["confusion"] = confusion(target, truth, predictions.codes)
        report["calibration"] = calibration(target, truth, predictions.probabilities, scoring.positive)
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
