"""Searches of scikit-learn over our estimators: the same scores in every backend of joblib."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from joblib import parallel_config
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from backends import BACKENDS, in_backends
from plaingrad.estimators import MLPClassifier

SIZES = [(4,), (8,)]
# What draws while it trains is eager alone, and shall not depend on what other threads draw.
GRID = [
    {"hidden_layer_sizes": SIZES, "engine": ["native"], "activation": ["relu", "tanh"]},
    {"hidden_layer_sizes": SIZES, "engine": ["eager"], "activation": ["relu", "rrelu"]},
]
FOLDS = 3


def measured(model: MLPClassifier, X: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """The score of a model, and the process that measures it with its number of threads."""
    return {"score": model.score(X, y), "process": os.getpid(), "threads": torch.get_num_threads()}


def searched() -> dict[str, np.ndarray]:
    """What has been measured, a row for each setting and a column for each fold."""
    model = MLPClassifier(max_iter=10, tol=0, n_iter_no_change=10, random_state=0)
    X, y = load_iris(return_X_y=True)
    search = GridSearchCV(model, GRID, cv=FOLDS, scoring=measured, refit=False).fit(X, y)
    return {
        name: np.stack([search.cv_results_[f"split{fold}_test_{name}"] for fold in range(FOLDS)], 1)
        for name in ("score", "process", "threads")
    }


@pytest.fixture(scope="module")
def serial() -> np.ndarray:
    """The scores without any backend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return searched()["score"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@in_backends(*BACKENDS)
def test_scores_are_equal_in_every_backend(backend: str, serial: np.ndarray) -> None:
    """Processes leave each other's cores alone."""
    with parallel_config(backend=backend, n_jobs=2):
        spread = searched()
    assert np.array_equal(serial, spread["score"])
    means = serial.mean(1)
    assert len(set(means[:4])) > 1
    assert len(set(means[4:])) > 1
    if backend != "threading":
        assert os.getpid() not in spread["process"]
        assert spread["threads"].max() <= max(1, (os.cpu_count() or 1) // 2)
