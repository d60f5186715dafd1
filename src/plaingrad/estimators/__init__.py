"""Estimators with scikit-learn's interface, the picture of their loss, and models of whole tables."""

from plaingrad.estimators.classifier import MLPClassifier
from plaingrad.estimators.display import LossCurveDisplay
from plaingrad.estimators.regressor import MLPRegressor
from plaingrad.estimators.table import TableModel

__all__ = ["LossCurveDisplay", "MLPClassifier", "MLPRegressor", "TableModel"]
