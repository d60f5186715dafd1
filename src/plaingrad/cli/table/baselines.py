"""What the network has to be better than: guessing, and a linear model."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge

from plaingrad.cli.table.network import fitted_encoder
from plaingrad.cli.table.rows import Rows
from plaingrad.cli.table.scores import Predictions
from plaingrad.data.tables import TableEncoder, Target

MOST_NUMBERS = 5_000_000  # in the matrix that they are trained on: more change little and take long
FEWEST_ROWS = 1000


def baselines(
    encoder: TableEncoder, train: Rows, test: Rows, target: Target, seed: int
) -> dict[str, Predictions]:
    """The predictions of scikit-learn's dummy and of a linear model, trained on the network's rows.

    Args:
        encoder: fitted to the training rows.
        train: the rows, of which a sample is taken if there are very many.
        test: what to predict.
        target: what is predicted.
        seed: of the sample.
    """
    sample = train.sample(sample_size(encoder), seed)
    if encoder.cardinalities_:  # codes are no quantities that a linear model could use
        encoder = fitted_encoder(sample, encoder.max_levels)
    X, y = sample.encoded(encoder), sample.codes
    X_test = test.encoded(encoder)
    if not target.labels:
        models = {"dummy": DummyRegressor(), "linear": Ridge()}
        return {
            name: Predictions(model.fit(X, y, sample_weight=sample.weights).predict(X_test))
            for name, model in models.items()
        }
    found = {}
    for name, model in {"dummy": DummyClassifier(), "linear": LogisticRegression(max_iter=200)}.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(X, y, sample_weight=sample.weights)
        every = np.zeros((len(test), len(target.labels)))
        every[:, model.classes_] = model.predict_proba(X_test)
        found[name] = Predictions(model.predict(X_test), every)
    return found


def sample_size(encoder: TableEncoder) -> int:
    """How many rows baselines are trained on, at most."""
    levels = sum(min(count, encoder.max_levels) for count in encoder.cardinalities_.values())
    return max(FEWEST_ROWS, MOST_NUMBERS // (len(encoder.names_) + levels))
