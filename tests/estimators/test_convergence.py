from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from estimators.data import numbers
from plaingrad.estimators import MLPRegressor


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
