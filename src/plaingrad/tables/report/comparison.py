"""The network and its baselines side by side: by which score, how far apart, and in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from plaingrad.tables.metric import name_of_metric
from plaingrad.tables.report.intervals import interval
from plaingrad.tables.report.scores import Scoring
from plaingrad.tables.settings import Settings

RARE = 0.2  # of the rows; accuracy says little about a class that is rarer
Scores = Mapping[str, float | None]


def compared_by(scoring: Scoring, codes: np.ndarray, settings: Settings) -> str:
    """The score by which models are compared.

    Accuracy says little of a rare class, which a model that never predicts it does best by, and nothing of
    weighted ones, of which predictions are not the most probable classes.

    Args:
        scoring: the scores that suit what was learned.
        codes: the encoded target of the training rows.
        settings: of the training.
    """
    if settings.metric is not None:
        return name_of_metric(settings.metric)
    if scoring.target.task == "ordinal":
        return "rank_mae"
    if not scoring.target.labels:
        return "r2" if scoring.quantile is None else "pinball"
    rarest = np.bincount(codes, minlength=len(scoring.target.labels)).min() / len(codes)
    share = rarest * len(scoring.target.labels) / 2  # of as many classes as often
    return "average_precision" if settings.class_weight or share < RARE else "accuracy"


def compared(
    network: Scores,
    network_draws: Mapping[str, np.ndarray],
    baseline: Scores,
    baseline_draws: Mapping[str, np.ndarray],
    factor: float,
) -> dict[str, dict[str, Any] | None]:
    """The network's scores less a baseline's, with intervals: both are scored on the same draws of the rows.

    Args:
        network: its scores.
        network_draws: as `plaingrad.tables.report.intervals.replicated` gives them.
        baseline: the scores of the baseline.
        baseline_draws: of the same draws.
        factor: that it gives too.
    """
    differences: dict[str, dict[str, Any] | None] = {}
    for name, score in network.items():
        other = baseline[name]
        if score is None or other is None:
            differences[name] = None
            continue
        value = score - other
        between = interval(value, network_draws[name] - baseline_draws[name], factor)
        differences[name] = {"value": value, "interval": between}
    return differences
