"""Searches of scikit-learn over our estimators: the same scores in every backend of joblib."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV

from cluster import local_cluster
from plaingrad.estimators import MLPClassifier

# What draws while it trains is eager alone, and shall not depend on what other threads draw.
ACTIVATIONS = {"native": ["relu", "tanh"], "eager": ["relu", "rrelu"]}
BACKENDS = ["loky", "threading", "dask"]


@pytest.fixture(scope="module", autouse=True)
def _cluster() -> Iterator[None]:
    with local_cluster():
        yield
    get_reusable_executor().shutdown()


def scores(engine: str) -> np.ndarray:
    model = MLPClassifier(max_iter=30, tol=0, n_iter_no_change=30, random_state=0, engine=engine)
    X, y = load_iris(return_X_y=True)
    grid = {"hidden_layer_sizes": [(4,), (8,)], "activation": ACTIVATIONS[engine]}
    return GridSearchCV(model, grid, cv=3).fit(X, y).cv_results_["mean_test_score"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_scores_are_equal_in_every_backend(backend: str, engine: str) -> None:
    serial = scores(engine)
    with parallel_config(backend=backend, n_jobs=2):
        spread = scores(engine)
    assert np.array_equal(serial, spread)
    assert len(set(serial)) > 1


def _threads() -> tuple[int, int]:
    return os.getpid(), torch.get_num_threads()


@pytest.mark.parametrize("backend", ["loky", "dask"])
def test_workers_do_not_take_each_others_cores(backend: str) -> None:
    with parallel_config(backend=backend, n_jobs=2):
        workers = dict(Parallel()(delayed(_threads)() for _ in range(8)))
    assert os.getpid() not in workers
    assert all(threads <= max(1, (os.cpu_count() or 1) // 2) for threads in workers.values())
