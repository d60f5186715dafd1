"""Attributes that are assigned to an estimator before it is fitted."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import sklearn.neural_network as sk
from sklearn.utils.validation import check_is_fitted

from estimators.data import classes, numbers
from plaingrad.estimators import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.mark.parametrize("kind", [MLPClassifier, sk.MLPClassifier])
def test_one_step_from_assigned_weights_is_the_one_worked_out_by_hand(kind: Any) -> None:
    """The example of scikit-learn's tests: one sample, one epoch, weights and counters of one's own."""
    X, y = np.array([[0.6, 0.8, 0.7]]), np.array([0])
    model = kind(2, "logistic", solver="sgd", learning_rate_init=0.1, alpha=0.1, momentum=0, max_iter=1)
    model.coefs_, model.intercepts_ = [0] * 2, [0] * 2
    model.coefs_[0], model.coefs_[1] = np.array([[0.1, 0.2], [0.3, 0.1], [0.5, 0]]), np.array([[0.1], [0.2]])
    model.intercepts_[0], model.intercepts_[1] = np.array([0.1, 0.1]), np.array([1.0])
    model.n_features_in_, model.n_layers_, model.n_outputs_, model.out_activation_ = 3, 3, 1, "logistic"
    model.n_iter_, model.t_, model.best_loss_, model.loss_curve_ = 0, 7, math.inf, [0.5]
    model._no_improvement_count = 0
    model.partial_fit(X, y, classes=[0, 1])
    expected = np.array([[0.098, 0.195756], [0.2956664, 0.096008], [0.4939998, -0.002244]])
    np.testing.assert_allclose(model.coefs_[0], expected, atol=1e-3)
    np.testing.assert_allclose(model.coefs_[1], [[0.04706], [0.154089]], atol=1e-3)
    np.testing.assert_allclose(model.intercepts_[0], [0.098333, 0.09626], atol=1e-3)
    np.testing.assert_allclose(model.intercepts_[1], [0.9235], atol=1e-3)
    np.testing.assert_allclose(model.predict_proba(X)[0, 1], 0.739, atol=1e-3)
    assert (model.t_, len(model.loss_curve_), model.loss_curve_[0]) == (8, 2, 0.5)
    assert model.best_loss_ == model.loss_curve_[1]


NAMES = ("coefs_", "intercepts_", "out_activation_", "n_layers_", "n_outputs_", "t_", "n_iter_", "best_loss_")


def assigned(model: Any, source: Any) -> Any:
    for name in (*NAMES, "loss_curve_", *(["classes_"] if hasattr(source, "classes_") else [])):
        setattr(model, name, getattr(source, name))
    return model


@pytest.mark.parametrize("kind", ["binary", "multiclass", "multilabel", "one", "multioutput"])
def test_weights_of_scikit_learns_predict_and_train_on(kind: str) -> None:
    classifies = kind in ("binary", "multiclass", "multilabel")
    X, y = (classes if classifies else numbers)(kind)
    ours, theirs = (MLPClassifier, sk.MLPClassifier) if classifies else (MLPRegressor, sk.MLPRegressor)
    options: dict[str, Any] = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 3}
    source = theirs(**options).fit(X, y)
    model = assigned(ours(**options), source)
    check_is_fitted(model)
    outputs = "predict_proba" if classifies else "predict"
    np.testing.assert_allclose(getattr(model, outputs)(X), getattr(source, outputs)(X))
    np.testing.assert_array_equal(model.predict(X) == y, source.predict(X) == y)
    assert model.n_features_in_ == X.shape[1]
    assert (model.loss_curve_, model.t_) == (source.loss_curve_, source.t_)
    model = assigned(ours(**options, dtype="float64", warm_start=True), source).fit(X, y)
    source.set_params(warm_start=True).fit(X, y)
    assert model.t_ == source.t_ == 6 * len(X)
    np.testing.assert_allclose(model.loss_curve_, source.loss_curve_)
    for one, other in zip(model.coefs_, source.coefs_, strict=True):
        np.testing.assert_allclose(one, other)


def test_an_ordinary_fit_begins_with_new_weights() -> None:
    X, y = numbers("one")
    options: dict[str, Any] = {"hidden_layer_sizes": (5,), "random_state": 0, "max_iter": 3}
    trained = MLPRegressor(**options).fit(X, y)
    again = assigned(MLPRegressor(**options), trained).fit(X, y)
    assert again.loss_curve_ == trained.loss_curve_


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"coefs_": [np.ones((10, 4)), np.ones((4, 1))]}, {}, r"^coefs_: .*\(10, 5\).* got .*\(10, 4\)"),
        ({"coefs_": [0, 0]}, {}, r"^coefs_: expected .* got \[\(\), \(\)\]"),
        ({"coefs_": []}, {}, r"^coefs_: expected .* got \[\]"),
        ({"intercepts_": [np.ones(5)]}, {}, r"^intercepts_: expected arrays .* got \[\(5,\)\]"),
        ({"out_activation_": "exp"}, {}, "^out_activation_: expected 'identity', .* got 'exp'"),
        ({"n_layers_": 4}, {}, "^n_layers_: expected 3, .* got 4"),
        ({"n_outputs_": 2}, {}, "^n_outputs_: expected 1, .* got 2"),
        ({}, {"n_models": 2}, "^coefs_ were assigned: expected n_models=1, got 2"),
        ({}, {"hidden_layer_sizes": (3,)}, r"^coefs_: .*\(10, 3\).* got .*\(10, 5\)"),
    ],
)
@pytest.mark.parametrize("call", ["predict", "partial_fit", "save"])
def test_what_does_not_fit_is_refused(
    change: Any, options: Any, message: str, call: str, tmp_path: Any
) -> None:
    X, y = numbers("one")
    source = sk.MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(X, y)
    model = assigned(MLPRegressor(**{"hidden_layer_sizes": (5,), **options}), source)
    for name, value in change.items():
        setattr(model, name, value)
    before = dict(vars(model))
    arguments = {"predict": (X,), "partial_fit": (X, y), "save": (tmp_path / "model",)}[call]
    with pytest.raises(ValueError, match=message):
        getattr(model, call)(*arguments)
    assert vars(model).keys() - {"n_features_in_"} == before.keys() - {"n_features_in_"}


def test_a_prediction_names_what_was_not_assigned() -> None:
    model = MLPClassifier((5,))
    model.coefs_ = [np.ones((4, 5)), np.ones((5, 1))]
    with pytest.raises(ValueError, match=r"^intercepts_: expected to be assigned"):
        model.predict(np.ones((1, 4)))
    model.intercepts_ = [np.ones(5), np.ones(1)]
    with pytest.raises(ValueError, match=r"^classes_: expected to be assigned"):
        model.predict(np.ones((1, 4)))
    with pytest.raises(ValueError, match="with embedding, data to train on"):
        model.set_params(embedding=[0]).predict(np.ones((1, 4)))


def test_a_fitted_estimator_keeps_its_counters() -> None:
    X, y = numbers("one")
    model = MLPRegressor(hidden_layer_sizes=(5,), max_iter=2, random_state=0).fit(X, y)
    with pytest.raises(AttributeError, match="t_ cannot be assigned to a fitted MLPRegressor"):
        model.t_ = 0


def test_assigned_weights_are_saved(tmp_path: Any) -> None:
    X, y = classes("multiclass")
    source = sk.MLPClassifier((5,), max_iter=2, random_state=0).fit(X, y)
    model = assigned(MLPClassifier((5,)), source)
    model.save(tmp_path / "model.safetensors")
    again = MLPClassifier.load(tmp_path / "model.safetensors")
    assert again.loss_curve_ == source.loss_curve_
    np.testing.assert_allclose(again.predict_proba(X), source.predict_proba(X))
