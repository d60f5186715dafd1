"""Names of scores and of models for people, and scores as text."""

from __future__ import annotations

# With an arrow to what is better.
NAMES = {
    "accuracy": "accuracy ↑",
    "balanced_accuracy": "balanced accuracy ↑",
    "f1": "F1 ↑",
    "mcc": "MCC ↑",
    "log_loss": "log loss ↓",
    "roc_auc": "ROC AUC ↑",
    "average_precision": "average precision ↑",
    "cost": "cost per row ↓",
    "rank_mae": "MAE of ranks ↓",
    "weighted_kappa": "quadratic weighted kappa ↑",
    "r2": "R² ↑",
    "rmse": "RMSE ↓",
    "mae": "MAE ↓",
    "pinball": "pinball loss ↓",
    "below": "share of values below",
}
HEADS = {"dummy": "dummy", "linear": "linear model", "boosting": "boosting"}


def name_of(score: str) -> str:
    """The name of a score within a sentence."""
    return NAMES.get(score, score).rstrip(" ↑↓")


def sign_of(score: str) -> int:
    """1 if a larger score is better, -1 if a smaller one is."""
    return -1 if "↓" in NAMES.get(score, score) else 1


def limits(score: str) -> tuple[float, float]:
    """The lowest and the highest value of a score."""
    lowest = float("-inf") if score in ("mcc", "weighted_kappa", "r2") else 0.0
    return lowest, float("inf") if sign_of(score) < 0 else 1.0


def number(value: float | None) -> str:
    """A score as text: three decimals, and for large and small ones four digits."""
    if value is None:
        return "—"
    if 0.0005 <= abs(value) < 10 or value == 0:
        return f"{value:.3f}"
    return f"{value:.4g}" if abs(value) >= 10 else f"{value:.2g}"


def ends(interval: list[float]) -> str:
    """An interval as text."""
    low, high = map(number, interval)
    return f"{low} to {high}"
