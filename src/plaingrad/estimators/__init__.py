"""Estimators with scikit-learn's interface, and the picture of their loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from plaingrad.lazy import exports

if TYPE_CHECKING:
    from plaingrad.estimators.classifier import MLPClassifier
    from plaingrad.estimators.display import LossCurveDisplay
    from plaingrad.estimators.regressor import MLPRegressor

_HOMES = {
    "LossCurveDisplay": "plaingrad.estimators.display",
    "MLPClassifier": "plaingrad.estimators.classifier",
    "MLPRegressor": "plaingrad.estimators.regressor",
}

__all__ = ["LossCurveDisplay", "MLPClassifier", "MLPRegressor"]

__getattr__, __dir__ = exports(__name__, _HOMES, moved={"TableModel": "plaingrad.tables"})
