"""The estimators as parts of scikit-learn's larger ones, on real data."""

from __future__ import annotations

import tracemalloc
import warnings
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.inspection import partial_dependence, permutation_importance
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.interop import to_torch

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def small(**options: Any) -> MLPClassifier:
    return MLPClassifier((16,), max_iter=60, learning_rate_init=0.01, random_state=0, **options)


def test_grid_search_over_a_pipeline_side_by_side() -> None:
    x, y = load_wine(return_X_y=True)
    pipeline = Pipeline([("scale", StandardScaler()), ("net", small())])
    grid = {"net__alpha": [1e-4, 1.0], "net__dropout": [0.0, 0.3], "net__normalization": [None, "batch"]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in other processes
        search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(x, y)
    assert search.best_score_ > 0.95
    assert len(search.cv_results_["params"]) == 8


def test_cross_validation_and_learning_curves() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), small())
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.95
    assert cross_val_predict(pipeline, x, y, cv=3, method="predict_proba").shape == (len(x), 2)
    _, _, test = learning_curve(pipeline, x, y, cv=3, train_sizes=[0.3, 1.0])
    assert test[-1].mean() > 0.95


def test_calibration_and_ensembles_of_others() -> None:
    x, y = load_iris(return_X_y=True)
    x = StandardScaler().fit_transform(x)
    logistic = LogisticRegression()
    for whole in (
        CalibratedClassifierCV(small(), cv=3),
        BaggingClassifier(small(), n_estimators=3, random_state=0),
        VotingClassifier([("net", small()), ("linear", logistic)], voting="soft"),
        StackingClassifier([("net", small()), ("linear", logistic)], cv=3),
        OneVsRestClassifier(small()),
    ):
        assert whole.fit(x, y).score(x, y) > 0.93, whole


def test_inspection_finds_what_matters() -> None:
    x, y = load_iris(return_X_y=True)
    model = small().fit(StandardScaler().fit_transform(x), y)
    scaled = StandardScaler().fit_transform(x)
    found = permutation_importance(model, scaled, y, n_repeats=5, random_state=0)
    assert set(np.argsort(found.importances_mean)[-2:]) == {2, 3}  # the petals
    assert partial_dependence(model, scaled, [2], grid_resolution=5)["average"].shape == (3, 5)
    chosen = SequentialFeatureSelector(small(), n_features_to_select=1, cv=3).fit(scaled, y)
    assert chosen.get_support().nonzero()[0][0] in (2, 3)


def test_targets_can_be_transformed() -> None:
    x, y = load_diabetes(return_X_y=True)
    network = MLPRegressor(hidden_layer_sizes=(16,), solver="lbfgs", alpha=10.0, max_iter=500, random_state=0)
    model = TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())
    assert cross_val_score(model, x, y, cv=5).mean() > 0.4


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_tables_are_known_by_their_columns(kind: str) -> None:
    frame = load_iris(as_frame=True).frame
    x, y = frame.drop(columns="target"), frame["target"]
    table: Any = x if kind == "pandas" else pl.from_pandas(x)
    model = small().fit(table, y)
    assert list(model.feature_names_in_) == list(x.columns)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(x[x.columns[::-1]])
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(x.to_numpy())
    np.testing.assert_array_equal(model.predict(table), clone(model).fit(x, y).predict(x))


def test_sparse_matrices_are_what_they_stand_for() -> None:
    x, y = load_iris(return_X_y=True)
    x = np.where(x > 2, x, 0.0)
    dense = small().fit(x, y)
    for kind in (sparse.csr_matrix, sparse.csc_array, sparse.coo_matrix):
        model = small().fit(kind(x), y)
        np.testing.assert_allclose(model.predict_proba(kind(x)), dense.predict_proba(x), rtol=1e-9)


def test_predictions_of_a_large_sparse_matrix_need_little_memory() -> None:
    rows, columns = 100_000, 1_000  # 800 MB, if it were not sparse
    x = sparse.random_array((rows, columns), density=1e-4, format="csc", rng=np.random.default_rng(0))
    y = np.arange(200) % 3
    model = MLPClassifier((4,), max_iter=2, batch_size=50, random_state=0).fit(x[:200], y)
    tracemalloc.start()
    found = model.predict_proba(x)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300e6
    few = np.r_[0:50, rows - 50 : rows]
    np.testing.assert_allclose(found[few], model.predict_proba(x.tocsr()[few].toarray()), rtol=1e-9)


def test_labels_come_back_as_they_were() -> None:
    x, y = load_iris(return_X_y=True)
    for labels in (
        np.array(["a", "b", "ü"])[y],
        np.array(["a", "b", "ü"], dtype=object)[y],
        np.array([-3, 5, 1000])[y],
        y == 0,
        pd.Series(y).map({0: "x", 1: "y", 2: "z"}),
    ):
        model = small().fit(x, labels)
        predicted = model.predict(x)
        assert set(predicted) == set(labels)
        assert predicted.dtype == np.asarray(labels).dtype or predicted.dtype.kind in "OU"


@pytest.mark.parametrize("options", [{}, {"normalization": "batch"}, {"embedding": [0]}, {"dropout": 0.1}])
def test_a_network_in_torch_converts_to_single_precision_without_a_rest(options: dict[str, Any]) -> None:
    """As SHAP's explainers need it, whose backgrounds are single precision."""
    x, y = load_iris(return_X_y=True)
    x[:, 0] = x[:, 0].round() - 4
    model = MLPClassifier((8,), max_iter=5, random_state=0, **options).fit(x, y)
    assert model.module_.parameters()[0].value.dtype == torch.float64
    network = to_torch(model).float()
    state = {name: value.dtype for name, value in network.state_dict().items() if value.is_floating_point()}
    assert set(state.values()) == {torch.float32}
    rows = torch.from_numpy(x).float()
    rows[:, 0] += "embedding" in options  # whose codes count from 1 in a network
    rows.requires_grad_()
    outputs = network(rows)
    assert outputs.dtype == torch.float32
    outputs.sum().backward()
    assert rows.grad is not None
    assert rows.grad.dtype == torch.float32
