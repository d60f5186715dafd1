"""Estimators with scikit-learn's interface, and the picture of their loss."""

from plaingrad.estimators.classifier import MLPClassifier
from plaingrad.estimators.display import LossCurveDisplay
from plaingrad.estimators.regressor import MLPRegressor

__all__ = ["LossCurveDisplay", "MLPClassifier", "MLPRegressor"]
