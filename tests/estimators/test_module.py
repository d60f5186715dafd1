"""Networks of the caller's own in an estimator, beside parameters that shape others."""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from estimators.data import classes
from plaingrad import nn
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.estimators.parameters import SHAPING

X, Y = classes("multiclass")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"hidden_layer_sizes": (5,), "dropout": 0.3}, "hidden_layer_sizes, dropout have no effect"),
        ({"hidden_layer_sizes": 5}, "hidden_layer_sizes has no effect"),
        ({"activation": "tanh", "normalization": "batch"}, "activation, normalization have no effect"),
        ({"embedding": [0]}, "embedding has no effect"),
        ({"hidden_layer_sizes": np.array([100]), "dropout": 0}, ""),
        ({"hidden_layer_sizes": [100], "embedding": None}, ""),
        ({"hidden_layer_sizes": 100}, ""),
    ],
)
def test_parameters_without_effect_are_named_once(options: dict[str, Any], told: str) -> None:
    model = MLPClassifier(module=nn.Linear, max_iter=2, n_models=2, **options)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y)
    found = [str(each.message) for each in caught if not issubclass(each.category, ConvergenceWarning)]
    assert found == ([f"module is trained as it is: {told}"] if told else [])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_over_what_has_no_effect_warns() -> None:
    search = GridSearchCV(MLPClassifier(module=nn.Linear, max_iter=1), {"dropout": [0.0, 0.5]}, cv=2)
    with pytest.warns(UserWarning, match="dropout has no effect"):
        search.fit(X, Y)


@pytest.mark.parametrize("kind", [MLPClassifier, MLPRegressor])
def test_the_defaults_are_those_of_the_constructors(kind: Any) -> None:
    parameters = inspect.signature(kind).parameters
    assert {name: parameters[name].default for name in SHAPING} == SHAPING


def test_lbfgs_that_runs_out_of_time_says_so() -> None:
    model = MLPClassifier((100, 100), solver="lbfgs", max_time=1e-9, max_iter=500, tol=0, random_state=0)
    with pytest.warns(ConvergenceWarning) as caught:
        model.fit(X, Y)
    (warning,) = caught
    assert str(warning.message).startswith(
        "lbfgs: Maximum time (1e-09 s) reached and the optimization hasn't"
    )
    assert model.n_iter_ == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("solver", ["lbfgs", "adam"])
def test_a_frozen_layer_stays_as_it_is_in_every_solver(solver: str) -> None:
    start = torch.randn(4, X.shape[1])

    def make(inputs: int, outputs: int) -> nn.Sequential:
        network = nn.Sequential(nn.Linear(inputs, 4), nn.Tanh(), nn.Linear(4, outputs))
        network[0].weight.value = start
        network[0].freeze()
        return network

    model = MLPClassifier(module=make, solver=solver, max_iter=5, alpha=1.0, random_state=0).fit(X, Y)
    assert torch.equal(next(iter(model.module_.parameters())).value, start)
