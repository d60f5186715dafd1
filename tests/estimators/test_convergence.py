from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score

from estimators.data import numbers
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.targets import r2
from plaingrad.native.interrupt import Interrupt
from plaingrad.train.callbacks import Callback


def trained(**options: Any) -> MLPRegressor:
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


@pytest.mark.parametrize("n_models", [1, 2])
@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("rate", [1.0, 1e30])
@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore:Maximum iter")
def test_divergence_under_early_stopping_ends_training_at_the_best_epoch(
    n_models: int, engine: str, rate: float
) -> None:
    """scikit-learn goes on with NaN until `max_iter`, and then takes the weights of the best epoch."""
    x, y = load_iris(return_X_y=True)
    options: dict[str, Any] = {
        "hidden_layer_sizes": 100, "activation": "identity", "solver": "sgd", "learning_rate_init": rate,
        "max_iter": 20, "early_stopping": True, "random_state": 0,
    }  # fmt: skip
    ours = MLPRegressor(**options, engine=engine, n_models=n_models, dtype="float64")
    with pytest.warns((ConvergenceWarning, RuntimeWarning), match="diverged"):
        ours.fit(x, y)
    assert isinstance(ours.validation_scores_[-1], float)
    assert math.isnan(ours.validation_scores_[-1])
    assert math.isnan(ours.loss_curve_[-1])
    assert len(ours.validation_scores_) == len(ours.loss_curve_) == ours.n_iter_ <= 20
    assert ours.t_ == ours.n_iter_ * 135
    assert np.isfinite(ours.predict(x)).all()
    if n_models == 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = sklearn.neural_network.MLPRegressor(**options).fit(x, y)
        assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_)
        np.testing.assert_allclose(ours.predict(x), theirs.predict(x))


def test_divergence_without_early_stopping_is_an_error_that_says_where() -> None:
    with pytest.raises(ValueError, match=r"non-finite parameter weights.*diverged in epoch \d+, step 1"):
        trained(solver="sgd", learning_rate_init=1e30, max_iter=5)


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 3), st.booleans(), st.booleans())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")
def test_the_score_of_numbers_is_scikit_learns(
    seed: int, rows: int, outputs: int, weighted: bool, constant: bool
) -> None:
    random = np.random.default_rng(seed)
    expected = random.integers(0, 3, (rows, outputs)).astype(float)
    predicted = (expected + random.integers(0, 2, expected.shape)).astype(np.float32)
    if constant:
        expected[:, 0] = 1.0
    weights = random.uniform(0.1, 1, rows) if weighted else None
    ours, theirs = r2(expected, predicted, weights), r2_score(expected, predicted, sample_weight=weights)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_an_interrupted_ensemble_keeps_the_networks_that_have_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    class Pressed(Interrupt):
        is_pressed = False
        requested = property(lambda self: Pressed.is_pressed, lambda self, value: None)  # type: ignore[assignment]

    class Interrupting(Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
            Pressed.is_pressed = True

    monkeypatch.setattr("plaingrad.train.many.Interrupt", Pressed)
    x, y = load_iris(return_X_y=True)
    estimator = MLPClassifier((4,), n_models=64, callbacks=[Interrupting()], engine="eager", random_state=0)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        estimator.fit(x, y)
    assert all(len(history) for history in estimator.histories_)
    assert len(estimator.modules_) == len(estimator.histories_) < 64
    assert estimator.predict_proba(x).shape == (150, 3)


def test_an_ensemble_that_diverges_says_so_as_one_network_does() -> None:
    x, y = load_iris(return_X_y=True)
    options = {"solver": "sgd", "learning_rate_init": 1e30, "random_state": 0}
    for count in (1, 3):
        with pytest.raises(ValueError, match=r"training diverged in epoch \d+, step"):
            MLPClassifier((4,), n_models=count, **options).fit(x, y)
