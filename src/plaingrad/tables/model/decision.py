"""The decision between two classes: at which probability it is for the positive one."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from msgspec import Meta, Struct

Probability = Annotated[float, Meta(ge=0, le=1)]


class Decision(Struct, frozen=True):
    """The decision between two classes.

    Attributes:
        positive: the index of the class that matters, the rarer one in training.
        threshold: the probability of it from which on it is predicted; None for the more probable class or,
            with class weights, for what they ask for.
        metric: what the threshold was chosen by; None without one.
    """

    positive: Annotated[int, Meta(ge=0, le=1)]
    threshold: Probability | None = None
    metric: str | None = None

    def codes(self, probabilities: np.ndarray) -> np.ndarray:
        """The predicted classes, for probabilities ``(rows, 2)``."""
        assert self.threshold is not None
        chosen = probabilities[:, self.positive] >= self.threshold
        return np.where(chosen, self.positive, 1 - self.positive)


def best_decision(
    metric: str, truth: np.ndarray, probability: np.ndarray, costs: tuple[float, float] | None = None
) -> tuple[float, float]:
    """The threshold that is best by a metric, and the metric there.

    Args:
        metric: one of `plaingrad.tables.metric.OF_DECISIONS`.
        truth: true for rows of the positive class, ``(rows,)``.
        probability: of it, ``(rows,)``.
        costs: of a false positive and of a false negative, for "cost".

    Returns:
        A threshold half way between the probabilities of two rows; of several that are as good, the one that
        is nearest to 0.5.
    """
    values, inverse = np.unique(probability.astype(np.float64), return_inverse=True)
    positives, negatives = (np.bincount(inverse, each, len(values)) for each in (truth, ~truth))
    # Of thresholds below all values, between two, and above all: what lies above them.
    tp, fp = (np.append(each[::-1].cumsum()[::-1], 0.0) for each in (positives, negatives))
    fn, tn = tp[0] - tp, fp[0] - fp
    last = 1 if values[-1] < 1 else 0  # no threshold lies above a probability of 1
    tp, fp, fn, tn = (each[: len(values) + last] for each in (tp, fp, fn, tn))
    thresholds = np.append(0.0, np.append((values[:-1] + values[1:]) / 2, [(values[-1] + 1) / 2] * last))
    with np.errstate(divide="ignore", invalid="ignore"):
        if metric == "accuracy":
            scores = (tp + tn) / len(truth)
        elif metric == "balanced_accuracy":
            scores = np.nanmean([tp / (tp + fn), tn / (tn + fp)], axis=0)
        elif metric == "f1":
            scores = 2 * tp / (2 * tp + fp + fn)
        elif metric == "mcc":
            scores = (tp * tn - fp * fn) / np.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
        else:
            assert costs is not None
            scores = -(costs[0] * fp + costs[1] * fn) / len(truth)
    scores = np.nan_to_num(scores, nan=0.0)
    best = np.flatnonzero(np.isclose(scores, scores.max(), rtol=1e-12, atol=0))
    index = best[np.abs(thresholds[best] - 0.5).argmin()]
    return float(thresholds[index]), float(scores[index]) * (-1 if metric == "cost" else 1)
