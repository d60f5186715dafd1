"""Searches of scikit-learn over our estimators: the same scores in every backend of joblib."""

from __future__ import annotations

import os
import warnings

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
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


def scores() -> np.ndarray:
    model = MLPClassifier(max_iter=10, tol=0, n_iter_no_change=10, random_state=0)
    X, y = load_iris(return_X_y=True)
    return GridSearchCV(model, GRID, cv=3).fit(X, y).cv_results_["mean_test_score"]


@pytest.fixture(scope="module")
def serial() -> np.ndarray:
    """The scores without any backend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return scores()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@in_backends(*BACKENDS)
def test_scores_are_equal_in_every_backend(backend: str, serial: np.ndarray) -> None:
    with parallel_config(backend=backend, n_jobs=2):
        spread = scores()
    assert np.array_equal(serial, spread)
    assert len(set(serial[:4])) > 1
    assert len(set(serial[4:])) > 1


def _threads() -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


@in_backends("loky", "dask", "ray")
def test_workers_do_not_take_each_others_cores(backend: str) -> None:
    with parallel_config(backend=backend, n_jobs=2):
        workers = dict(Parallel()(delayed(_threads)() for _ in range(8)))
    assert os.getpid() not in workers
    assert all(threads <= max(1, (os.cpu_count() or 1) // 2) for threads in workers.values())
