"""The same data, settings and seed give what scikit-learn gives, to rounding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

from effort import draws
from estimators.data import classes, numbers
from plaingrad.estimators import MLPClassifier, MLPRegressor

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning"),
]


@st.composite
def options(draw: st.DrawFn) -> dict[str, Any]:
    """Parameters that both have."""
    return {
        "hidden_layer_sizes": draw(st.sampled_from([(7,), (5, 4), ()])),
        "activation": draw(st.sampled_from(["identity", "logistic", "tanh", "relu"])),
        "solver": draw(st.sampled_from(["sgd", "adam"])),
        "alpha": draw(st.sampled_from([0.0, 1e-4, 0.1])),
        "batch_size": draw(st.sampled_from([20, 10, 7, "auto"])),
        "learning_rate": draw(st.sampled_from(["constant", "invscaling", "adaptive"])),
        "learning_rate_init": draw(st.sampled_from([1e-3, 0.02])),
        "power_t": draw(st.sampled_from([0.1, 0.5])),
        "max_iter": draw(st.sampled_from([3, 25])),
        "shuffle": draw(st.booleans()),
        "random_state": draw(st.integers(0, 1000)),
        "tol": draw(st.sampled_from([1e-4, 0.02])),
        "momentum": draw(st.sampled_from([0.0, 0.9])),
        "nesterovs_momentum": draw(st.booleans()),
        "n_iter_no_change": draw(st.sampled_from([2, 10])),
        "epsilon": draw(st.sampled_from([1e-8, 1e-3])),
    }


def weights_for(x: np.ndarray) -> np.ndarray:
    return np.random.RandomState(1).uniform(0.5, 2, len(x))


def expect_alike(ours: Any, theirs: Any, x: np.ndarray, curve: bool = True) -> None:
    """All fitted attributes that scikit-learn has, and the predictions."""
    assert ours.n_iter_ == theirs.n_iter_
    assert ours.t_ == theirs.t_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    if curve:
        np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-6, atol=1e-9)
    assert ours.out_activation_ == theirs.out_activation_
    for name in ("coefs_", "intercepts_"):
        for mine, other in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            assert mine.shape == other.shape
            np.testing.assert_allclose(mine, other, rtol=1e-6, atol=1e-8)
    np.testing.assert_array_equal(ours.predict(x).shape, theirs.predict(x).shape)
    if theirs.validation_scores_ is not None:
        np.testing.assert_allclose(ours.validation_scores_, theirs.validation_scores_, rtol=1e-6)
        assert ours.best_validation_score_ == pytest.approx(theirs.best_validation_score_, rel=1e-6)
        assert ours.best_loss_ is theirs.best_loss_ is None


@settings(max_examples=draws(40), deadline=None)
@given(options(), st.sampled_from(["binary", "multiclass", "multilabel"]), st.booleans(), st.booleans())
def test_classifiers_are_trained_to_the_same_weights(
    options: dict[str, Any], kind: str, early_stopping: bool, weighted: bool
) -> None:
    x, y = classes(kind)
    options |= {"early_stopping": early_stopping, "validation_fraction": 1 / 3}
    weights = weights_for(x) if weighted else None
    theirs = TheirClassifier(**options).fit(x, y, weights)
    ours = MLPClassifier(**options, engine="eager", dtype="float64").fit(x, y, weights)
    expect_alike(ours, theirs, x)
    np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), rtol=1e-5, atol=1e-9)


@settings(max_examples=draws(40), deadline=None)
@given(options(), st.sampled_from(["one", "counts", "multioutput"]), st.booleans(), st.booleans())
def test_regressors_are_trained_to_the_same_weights(
    options: dict[str, Any], kind: str, early_stopping: bool, weighted: bool
) -> None:
    x, y = numbers(kind)
    options |= {"early_stopping": early_stopping, "validation_fraction": 0.5 if len(x) == 20 else 1 / 3}
    if kind == "counts":
        options |= {"loss": "poisson", "learning_rate_init": 1e-3}
    if len(x) == 20:
        options["batch_size"] = 10
    weights = weights_for(x) if weighted else None
    curve = not (weighted and kind == "counts")  # scikit-learn takes the deviance's constant from each batch
    if not curve:
        options["n_iter_no_change"] = 1000
    theirs = TheirRegressor(**options).fit(x, y, weights)
    ours = MLPRegressor(**options, engine="eager", dtype="float64").fit(x, y, weights)
    expect_alike(ours, theirs, x, curve)
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel"])
def test_compiled_classifiers_are_trained_to_the_same_weights_too(kind: str) -> None:
    x, y = classes(kind)
    options: dict[str, Any] = {"max_iter": 30, "batch_size": 20, "random_state": 3}
    theirs, ours = (
        TheirClassifier(**options).fit(x, y),
        MLPClassifier(**options, engine="native", dtype="float64").fit(x, y),
    )
    assert ours.histories_[0].engine == "native"
    expect_alike(ours, theirs, x)


@pytest.mark.parametrize("solver", ["sgd", "adam"])
def test_epochs_by_hand_and_warm_starts_go_on_as_theirs(solver: str) -> None:
    x, y = classes("multiclass")
    options: dict[str, Any] = {"solver": solver, "batch_size": 20, "random_state": 5}
    theirs, ours = TheirClassifier(**options), MLPClassifier(**options, dtype="float64")
    for begin in range(0, len(x), 40):
        for each in (theirs, ours):
            each.partial_fit(x[begin : begin + 40], y[begin : begin + 40], classes=np.unique(y))
    expect_alike(ours, theirs, x)
    for each in (theirs, ours):
        each.set_params(warm_start=True, max_iter=4)
        each.fit(x, y)
        each.fit(x, y)
    expect_alike(ours, theirs, x)
    assert len(ours.loss_curve_) == len(theirs.loss_curve_)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one"])
def test_lbfgs_finds_the_same_minimum(kind: str, weighted: bool) -> None:
    classifies = kind in ("binary", "multiclass", "multilabel")
    x, y = (classes if classifies else numbers)(kind)
    weights = np.random.RandomState(1).uniform(0.5, 2, len(x)) if weighted else None
    options: dict[str, Any] = {
        "solver": "lbfgs",
        "hidden_layer_sizes": (4,),
        "activation": "tanh",
        "alpha": 1.0,
        "max_iter": 3000,
        "random_state": 0,
        "tol": 1e-7,
    }
    kinds: Any = (TheirClassifier, MLPClassifier) if classifies else (TheirRegressor, MLPRegressor)
    theirs, ours = (each(**options).fit(x, y, weights) for each in kinds)
    assert ours.loss_ == pytest.approx(theirs.loss_, rel=1e-5)
    if classifies:
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
    else:
        np.testing.assert_allclose(ours.predict(x), theirs.predict(x), atol=1e-3)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one", "counts", "multioutput"])
def test_the_same_weights_give_the_same_predictions(kind: str, dtype: Any) -> None:
    classifies = kind in ("binary", "multiclass", "multilabel")
    x, y = (classes if classifies else numbers)(kind)
    x = x.astype(dtype)
    kinds: Any = (TheirClassifier, MLPClassifier) if classifies else (TheirRegressor, MLPRegressor)
    options = {"loss": "poisson"} if kind == "counts" else {}
    theirs = kinds[0](max_iter=20, random_state=0, **options).fit(x, y)
    ours = kinds[1](max_iter=1, random_state=1, **options).fit(x, y)
    ours.coefs_, ours.intercepts_ = theirs.coefs_, theirs.intercepts_
    np.testing.assert_array_equal(ours.coefs_[0], theirs.coefs_[0])
    if classifies:
        np.testing.assert_array_equal(ours.predict(x), theirs.predict(x))
        np.testing.assert_allclose(ours.predict_proba(x), theirs.predict_proba(x), atol=1e-6)
        return
    np.testing.assert_allclose(ours.predict(x), theirs.predict(x), rtol=1e-6, atol=1e-6)


def test_a_warm_start_begins_with_the_first_rate_again() -> None:
    x, y = classes("multiclass")
    options: dict[str, Any] = {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1}
    options |= {"max_iter": 3, "warm_start": True, "random_state": 0, "batch_size": 20}
    theirs, ours = TheirClassifier(**options), MLPClassifier(**options, dtype="float64")
    for _ in range(3):
        theirs.fit(x, y)
        ours.fit(x, y)
    expect_alike(ours, theirs, x)


def test_the_penalty_of_each_partial_fit_is_that_of_its_alpha_and_its_rows() -> None:
    x, y = classes("multiclass")
    options: dict[str, Any] = {"solver": "sgd", "learning_rate_init": 0.01, "random_state": 0}
    theirs, ours = TheirClassifier(**options), MLPClassifier(**options)
    for rows, alpha in ((120, 0.0), (10, 10.0), (30, 100.0), (7, 1.0)):
        for each in (theirs, ours):
            each.set_params(alpha=alpha).partial_fit(x[:rows], y[:rows], classes=np.unique(y))
    expect_alike(ours, theirs, x)
