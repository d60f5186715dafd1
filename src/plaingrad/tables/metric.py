"""The metrics that a training can aim at, by the names of scikit-learn."""

from __future__ import annotations

from typing import Any

from plaingrad.console.options import one_of, refused

CLASS_METRICS = (
    "accuracy", "balanced_accuracy", "f1", "mcc", "log_loss", "roc_auc", "average_precision", "cost",
)  # fmt: skip
RANK_METRICS = ("rank_mae", "weighted_kappa")  # of classes with an order, besides
NUMBER_METRICS = ("r2", "rmse", "mae")
BY_TASK = {
    "classification": CLASS_METRICS,
    "ordinal": (*RANK_METRICS, *CLASS_METRICS),
    "regression": NUMBER_METRICS,
}
OF_DECISIONS = ("accuracy", "balanced_accuracy", "f1", "mcc", "cost")  # which depend on a threshold
SMALLER_IS_BETTER = ("log_loss", "cost", "rank_mae", "rmse", "mae")


def as_metric(text: Any) -> str | None:
    """The name of a metric, or ``cost=FP:FN``, what a false positive and a false negative cost."""
    if text is None:
        return None
    name, equals, _ = str(text).partition("=")
    known = one_of(*CLASS_METRICS, *RANK_METRICS, *NUMBER_METRICS)(name)
    if (known == "cost") != bool(equals) or (equals and costs(str(text)) is None):
        expected = "two costs of which one is above 0, such as cost=1:10"
        raise refused(f"expected {expected}, got {str(text)!r}")
    return known + str(text)[len(name) :]


def name_of_metric(metric: str) -> str:
    """The name of the score."""
    return metric.partition("=")[0]


def costs(metric: str | None) -> tuple[float, float] | None:
    """The costs of a false positive and of a false negative; None for another metric."""
    numbers = (metric or "").partition("=")[2]
    try:
        false_positive, false_negative = map(float, numbers.split(":"))
    except ValueError:
        return None
    sound = all(0 <= cost < float("inf") for cost in (false_positive, false_negative))
    return (false_positive, false_negative) if sound and false_positive + false_negative > 0 else None
