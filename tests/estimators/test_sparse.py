"""Sparse matrices stay sparse, and give the numbers of the same data made dense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad import nn
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.inputs import LEAST_COLUMNS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def words(rows: int, seed: int, columns: int = LEAST_COLUMNS + 8) -> scipy.sparse.csr_matrix:
    """A bag of words: counts, most of them 0."""
    random_state = np.random.RandomState(seed)
    counts = scipy.sparse.random(rows, columns, 0.03, "csr", random_state=random_state)
    counts.data = np.ceil(counts.data * 4)
    return counts


@pytest.fixture
def _no_dense_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(own: Any) -> Any:
        def toarray(self: Any, *args: Any, **options: Any) -> Any:
            assert self.shape[1] < LEAST_COLUMNS, "a sparse matrix was made dense"
            return own(self, *args, **options)

        return toarray

    for kind in (scipy.sparse.csr_matrix, scipy.sparse.csc_matrix):
        monkeypatch.setattr(kind, "toarray", refused(kind.toarray))


def fitted(estimator: Any, X: Any, y: Any, calls: int) -> list[np.ndarray]:
    """Everything that training and prediction come to."""
    classes = {"classes": [0, 1, 2]} if isinstance(estimator, MLPClassifier) else {}
    for _ in range(calls):
        if calls == 1:
            estimator.fit(X, y, np.linspace(0.5, 2, len(y)))
        else:
            estimator.partial_fit(X, y, **classes)
    curve = [] if estimator.solver == "lbfgs" else [np.array(estimator.loss_curve_)]
    predicted = [estimator.predict_proba(X) if classes else estimator.predict(X)]
    return [*estimator.coefs_, *estimator.intercepts_, *curve, *predicted, np.array(estimator.score(X, y))]


@settings(max_examples=draws(20), deadline=None)
@given(
    st.sampled_from([MLPClassifier, MLPRegressor]),
    st.sampled_from(["adam", "sgd", "lbfgs"]),
    st.sampled_from([scipy.sparse.csr_matrix, scipy.sparse.csc_matrix, scipy.sparse.csr_array]),
    st.integers(1, 2),
    st.booleans(),
    st.integers(0, 1000),
)
def test_the_numbers_are_those_of_dense_data(
    kind: Any, solver: str, form: Any, calls: int, early_stopping: bool, seed: int
) -> None:
    X, y = words(50, seed), np.arange(50) % 3
    options = {"hidden_layer_sizes": 6, "max_iter": 4, "dtype": "float64", "random_state": seed}
    if calls == 1 and solver != "lbfgs":
        options |= {"early_stopping": early_stopping}
    calls = 1 if solver == "lbfgs" else calls
    estimators = (kind(solver=solver, batch_size=20, **options) for _ in range(2))
    results = [fitted(one, each, y, calls) for one, each in zip(estimators, (form(X), X.toarray()))]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-7, atol=1e-9)


@pytest.mark.usefixtures("_no_dense_matrix")
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_no_dense_matrix_is_made(solver: str) -> None:
    X, y = words(40, 0), np.arange(40) % 2
    estimator = MLPClassifier(5, solver=solver, max_iter=3, n_models=2, dropout=0.0).fit(X, y)
    assert estimator.predict_proba(X.tocsc()).shape == (40, 2)
    validated = MLPClassifier(5, max_iter=3, normalization="batch").fit(X, y, X_val=X[:9], y_val=y[:9])
    assert len(validated.validation_loss_curve_) == 3


@pytest.mark.parametrize(
    ("X", "options"),
    [
        (words(40, 0), {"engine": "native", "hidden_layer_sizes": 3}),
        (words(40, 0, columns=30), {}),
        (words(40, 0), {"module": lambda n, m: nn.Sequential(nn.Tanh(), nn.Linear(n, m))}),
        (words(40, 0, columns=30), {"embedding": [2]}),
    ],
    ids=["compiled", "few columns", "a first layer that is not linear", "codes"],
)
def test_other_data_are_made_dense(X: Any, options: dict[str, Any]) -> None:
    y = np.arange(40) % 2
    one, other = (
        MLPClassifier(max_iter=2, random_state=0, **options).fit(each, y).predict_proba(each)
        for each in (X, X.toarray())
    )
    np.testing.assert_allclose(one, other, rtol=1e-5)
