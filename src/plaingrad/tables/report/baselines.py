"""Baselines of the network: guessing, and a linear model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge
from sklearn.preprocessing import OneHotEncoder

from plaingrad.tables import Target
from plaingrad.tables.columns.order import median_class
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.report.scores import Predictions

MOST_NUMBERS = 5_000_000  # in the matrix that they are trained on: more change little and take long
FEWEST_ROWS = 1000  # which is also enough for a linear program


def baselines(
    train: Samples, X_test: np.ndarray, coded: list[int], target: Target, quantile: float | None
) -> dict[str, Predictions]:
    """The predictions of scikit-learn's dummy and of a linear model, trained on the network's rows.

    Args:
        train: the training rows, or a sample of them.
        X_test: what to predict, ``(rows, features)``.
        coded: the features that are codes for an embedding.
        target: what is predicted.
        quantile: which of the target's quantiles; None for its mean, or for classes.
    """
    X, y = train.X, train.y
    if coded:  # codes are no quantities that a linear model could use
        levels = OneHotEncoder(handle_unknown="ignore", dtype=np.float32)
        features = make_column_transformer((levels, coded), remainder="passthrough")
        X, X_test = features.fit_transform(X), features.transform(X_test)
    if not target.labels:
        own = target if target.log_scale is None else target.on_own_scale(target.undo(y))
        y = y if own is target else own.standardised(target.undo(y))
        predictions = {}
        for name, model in _of_numbers(quantile).items():
            codes = model.fit(X, y, sample_weight=train.weights).predict(X_test)
            predictions[name] = Predictions(codes if own is target else target.standardised(own.undo(codes)))
        return predictions
    predictions = {}
    for name, model in {"dummy": DummyClassifier(), "linear": LogisticRegression(max_iter=200)}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, sample_weight=train.weights)
        every = np.zeros((X_test.shape[0], len(target.labels)))
        every[:, model.classes_] = model.predict_proba(X_test)
        codes = median_class(every) if target.task == "ordinal" else model.predict(X_test)
        predictions[name] = Predictions(codes, every)
    return predictions


def _of_numbers(quantile: float | None) -> dict[str, Any]:
    if quantile is None:
        return {"dummy": DummyRegressor(), "linear": Ridge()}
    return {
        "dummy": DummyRegressor(strategy="quantile", quantile=quantile),
        "linear": QuantileRegressor(quantile=quantile, alpha=1e-4),
    }


def sample_size(features: int, quantile: float | None) -> int:
    """The most rows, of so many features, that baselines are trained on."""
    return FEWEST_ROWS if quantile is not None else max(FEWEST_ROWS, MOST_NUMBERS // features)
