"""What the network has to be better than: guessing, and a linear model."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, QuantileRegressor, Ridge

from plaingrad.cli.table.network import fitted_encoder
from plaingrad.cli.table.rows import Rows
from plaingrad.cli.table.scores import Predictions
from plaingrad.data.tables import TableEncoder, Target

MOST_NUMBERS = 5_000_000  # in the matrix that they are trained on: more change little and take long
FEWEST_ROWS = 1000  # which is also enough for a linear program


def baselines(
    encoder: TableEncoder, train: Rows, test: Rows, target: Target, quantile: float | None
) -> dict[str, Predictions]:
    """The predictions of scikit-learn's dummy and of a linear model, trained on the network's rows.

    Args:
        encoder: fitted to the training rows.
        train: the training rows, or a sample of them.
        test: what to predict.
        target: what is predicted.
        quantile: which of the target's quantiles; None for its mean, or for classes.
    """
    if encoder.cardinalities_:  # codes are no quantities that a linear model could use
        encoder = fitted_encoder(train, encoder.max_levels)
    X, y = train.encoded(encoder), train.codes
    X_test = test.encoded(encoder)
    if not target.labels:
        models = _of_numbers(quantile)
        return {
            name: Predictions(model.fit(X, y, sample_weight=train.weights).predict(X_test))
            for name, model in models.items()
        }
    found = {}
    for name, model in {"dummy": DummyClassifier(), "linear": LogisticRegression(max_iter=200)}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, sample_weight=train.weights)
        every = np.zeros((len(test), len(target.labels)))
        every[:, model.classes_] = model.predict_proba(X_test)
        found[name] = Predictions(model.predict(X_test), every)
    return found


def _of_numbers(quantile: float | None) -> dict[str, Any]:
    if quantile is None:
        return {"dummy": DummyRegressor(), "linear": Ridge()}
    return {
        "dummy": DummyRegressor(strategy="quantile", quantile=quantile),
        "linear": QuantileRegressor(quantile=quantile, alpha=1e-4),
    }


def sample_size(encoder: TableEncoder, quantile: float | None) -> int:
    """How many rows baselines are trained on, at most."""
    if quantile is not None:
        return FEWEST_ROWS
    levels = sum(min(count, encoder.max_levels) for count in encoder.cardinalities_.values())
    return max(FEWEST_ROWS, MOST_NUMBERS // (len(encoder.names_) + levels))
