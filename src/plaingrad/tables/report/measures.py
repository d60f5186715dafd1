"""Scores of predictions, for many weightings of the rows at once."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_array

RANKS = 128  # that are told apart where many weightings are scored
Replicates = np.ndarray  # a score under each weighting, (replicates,); nan where it is not defined


def of_classes(
    truth: np.ndarray, codes: np.ndarray, probabilities: np.ndarray, positive: int | None, weights: np.ndarray
) -> dict[str, Replicates]:
    """The scores of predicted classes.

    Args:
        truth: indices of the true classes, ``(rows,)``.
        codes: of the predicted ones, ``(rows,)``.
        probabilities: of all classes, ``(rows, classes)``.
        positive: of two classes the one whose F1 and average precision are meant; None for the mean of all.
        weights: how often each row counts, ``(rows, replicates)``.
    """
    classes = probabilities.shape[1]
    probabilities = probabilities.astype(np.float64)
    probabilities /= probabilities.sum(1, keepdims=True)
    total = weights.sum(0)
    true, predicted = (np.eye(classes)[each].T for each in (truth, codes))
    support, named, hits = true @ weights, predicted @ weights, (true * predicted) @ weights
    each = range(classes) if positive is None else [positive]
    smallest = np.finfo(np.float64).eps
    surprise = -np.log(np.clip(probabilities[np.arange(len(truth)), truth], smallest, 1))
    ranked = [_ranking(probabilities[:, code], truth == code, weights) for code in each]
    return {
        "accuracy": hits.sum(0) / total,
        "balanced_accuracy": _mean(_ratio(hits, support)),
        "f1": _mean(_ratio(2 * hits, support + named)[list(each)]),
        "mcc": _matthews(total, support, named, hits.sum(0)),
        "log_loss": surprise @ weights / total,
        "roc_auc": np.mean([area for area, _ in ranked], axis=0),
        "average_precision": np.mean([precision for _, precision in ranked], axis=0),
    }


def of_ranks(truth: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> dict[str, Replicates]:
    """The scores of predicted classes with an order; arguments as for `of_classes`.

    The mean absolute error of ranks, and Cohen's kappa with quadratic weights: 1 less the mean squared error,
    as a share of what it would be if predictions had nothing to do with the truth.

    Source: J. Cohen, "Weighted kappa", 1968.
    """
    total, off = weights.sum(0), codes - truth
    moments = [(each @ weights / total, each**2 @ weights / total) for each in (truth, codes)]
    (mean, square), (other_mean, other_square) = moments
    by_chance = square + other_square - 2 * mean * other_mean
    error = off**2 @ weights / total
    kappa = 1 - np.divide(error, by_chance, out=np.full_like(error, np.nan), where=by_chance > 1e-12)
    return {"rank_mae": np.abs(off) @ weights / total, "weighted_kappa": kappa}


def of_numbers(truth: np.ndarray, values: np.ndarray, weights: np.ndarray) -> dict[str, Replicates]:
    """The scores of predicted numbers ``(rows,)``, for weights ``(rows, replicates)``."""
    total = weights.sum(0)
    centred, off = truth - truth.mean(), values - truth
    squares = off**2 @ weights
    spread = centred**2 @ weights - (centred @ weights) ** 2 / total
    constant = spread <= 1e-12 * (centred**2 @ weights)
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = np.where(constant, np.where(squares == 0, 1.0, 0.0), 1 - squares / spread)
    r2[(weights > 0).sum(0) < 2] = np.nan
    return {"r2": r2, "rmse": np.sqrt(squares / total), "mae": np.abs(off) @ weights / total}


def of_quantiles(
    truth: np.ndarray, values: np.ndarray, quantile: float, weights: np.ndarray
) -> dict[str, Replicates]:
    """The scores of a predicted quantile ``(rows,)``, for weights ``(rows, replicates)``."""
    total, off = weights.sum(0), truth - values
    pinball = np.maximum(quantile * off, (quantile - 1) * off)
    return {"pinball": pinball @ weights / total, "below": (off <= 0) @ weights / total}


def _ranking(scores: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> tuple[Replicates, Replicates]:
    """Area under the ROC curve, and average precision; rows of the same score are taken together."""
    group = _groups(scores, positive, exact=weights.shape[1] == 1)
    count, rows = int(group.max()) + 1, len(scores)
    cells = csr_array((np.ones(rows), (group + count * positive, np.arange(rows))), (2 * count, rows))
    negatives_of, hits_of = np.split(cells @ weights, 2)
    above, hits = (negatives_of + hits_of).cumsum(0), hits_of.cumsum(0)
    positives, negatives = hits[-1], above[-1] - hits[-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        # For each row of the other class: the positive ones ranked above it, and half of those beside it.
        area = (negatives_of * (hits - hits_of / 2)).sum(0) / (positives * negatives)
        precision = np.where(above > 0, hits / np.maximum(above, 1e-300), 0.0)
        return area, np.where(negatives > 0, (hits_of * precision).sum(0) / positives, np.nan)


def _groups(scores: np.ndarray, positive: np.ndarray, exact: bool) -> np.ndarray:
    """The rank of each row's score, from 0 for the highest; unless exact, close scores share one.

    Positive rows, which may be few, are kept distinct as long as there are no more than `RANKS`.
    """
    if exact or len(scores) <= 2 * RANKS:
        edges = scores
    else:
        shares = np.linspace(0, 1, RANKS)
        edges = np.concatenate(
            [np.quantile(each, shares, method="lower") for each in (scores, scores[positive]) if len(each)]
        )
    edges = np.unique(edges)
    return len(edges) - np.searchsorted(edges, scores, side="right")


def _matthews(total: np.ndarray, support: np.ndarray, named: np.ndarray, hits: np.ndarray) -> Replicates:
    covariance = hits * total - (support * named).sum(0)
    spread = np.sqrt(
        np.maximum(total**2 - (named**2).sum(0), 0) * np.maximum(total**2 - (support**2).sum(0), 0)
    )
    return np.divide(covariance, spread, out=np.zeros_like(covariance), where=spread > 0)


def _ratio(parts: np.ndarray, wholes: np.ndarray) -> np.ndarray:
    """Parts of wholes; nan for a class that is not there."""
    return np.divide(parts, wholes, out=np.full_like(parts, np.nan), where=wholes > 0)


def _mean(values: np.ndarray) -> Replicates:
    """The mean over the classes that are there; 0 if none is."""
    known = ~np.isnan(values)
    return np.where(known, values, 0.0).sum(0) / np.maximum(known.sum(0), 1)
