"""Calibration: whether what is said to be probable happens as often."""

from __future__ import annotations

from typing import Any

import numpy as np

from plaingrad.tables import Target

BINS = 10


def calibration(
    target: Target, truth: np.ndarray, probabilities: np.ndarray, positive: int | None = None
) -> dict[str, Any]:
    """The reliability diagram of predicted probabilities, in bins of equal width.

    Args:
        target: what is predicted.
        truth: indices of the true classes, ``(rows,)``.
        probabilities: of all classes, ``(rows, classes)``.
        positive: of two classes the one whose probability is meant; by default the second.

    Returns:
        Of which class it is (None for the most probable one of each row, if there are more than two), the
        bins that have rows, and the expected calibration error: the mean distance of their mean probability
        from the share of rows that are of the class.

    Source: M. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using Bayesian
    binning", 2015.
    """
    if len(target.labels) == 2:
        code = 1 if positive is None else positive
        of, said, happened = target.class_names[code], probabilities[:, code], truth == code
    else:
        of, said, happened = None, probabilities.max(1), truth == probabilities.argmax(1)
    said = np.clip(said.astype(np.float64), 0, 1)
    index = np.minimum((said * BINS).astype(int), BINS - 1)
    counts = np.bincount(index, minlength=BINS)
    sums, hits = (np.bincount(index, each, BINS) for each in (said, happened))
    bins = [
        {
            "low": i / BINS,
            "high": (i + 1) / BINS,
            "rows": int(counts[i]),
            "probability": float(sums[i] / counts[i]),
            "share": float(hits[i] / counts[i]),
        }
        for i in np.flatnonzero(counts).tolist()
    ]
    return {"of": of, "error": float(np.abs(sums - hits).sum() / len(truth)), "bins": bins}
