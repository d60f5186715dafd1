from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network
from sklearn.exceptions import ConvergenceWarning

from estimators.data import numbers
from plaingrad.estimators import MLPClassifier, MLPRegressor


def trained(**options: float) -> MLPRegressor:
    x, y = numbers("single")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return MLPRegressor(hidden_layer_sizes=(4,), random_state=0, engine="eager", **options).fit(x, y)


@pytest.mark.parametrize("patience", [1, 4])
def test_no_epoch_is_trained_after_the_last(patience: int) -> None:
    """Several epochs go into one call of the engine, but none past the one that may be the last."""
    stopped = trained(tol=1e9, n_iter_no_change=patience, max_iter=50)
    assert stopped.n_iter_ == patience + 2
    counted = trained(tol=1e9, n_iter_no_change=1000, max_iter=stopped.n_iter_)
    for found, expected in zip(stopped.coefs_, counted.coefs_, strict=True):
        assert np.array_equal(found, expected)


def test_a_score_that_stays_the_same_counts_as_an_improvement_of_nothing() -> None:
    """With a tolerance of 0 only what is worse is waited for, as in scikit-learn."""
    x = np.linspace(-1, 1, 60)[:, None]
    y = (x[:, 0] > 0).astype(int)
    options: dict[str, Any] = {
        "hidden_layer_sizes": (4,), "random_state": 0, "early_stopping": True, "tol": 0.0,
        "n_iter_no_change": 2, "max_iter": 40, "learning_rate_init": 0.05,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        ours = MLPClassifier(**options, engine="eager").fit(x, y)
        theirs = sklearn.neural_network.MLPClassifier(**options).fit(x, y)
    assert len(set(theirs.validation_scores_[-3:])) == 1
    assert ours.n_iter_ == theirs.n_iter_ == 40
