"""Estimators with scikit-learn's interface: `MLPClassifier` and `MLPRegressor`."""

from plaingrad.estimators.classifier import MLPClassifier
from plaingrad.estimators.regressor import MLPRegressor

__all__ = ["MLPClassifier", "MLPRegressor"]
