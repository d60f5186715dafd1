"""What cannot be used is refused as scikit-learn refuses it: the same kind of error, in the same words."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.callback import ProgressBar
from sklearn.neural_network import MLPClassifier as TheirClassifier
from sklearn.neural_network import MLPRegressor as TheirRegressor

from estimators.data import classes, numbers
from plaingrad import nn
from plaingrad.estimators import MLPClassifier, MLPRegressor
from plaingrad.train.callbacks import Callback

X, Y = classes("multiclass")
Z = numbers("one")[0]
T = numbers("one")[1]


def two_calls(first: Any, second: Any) -> Callable[[Any], Any]:
    """Fit twice, on other labels."""
    return lambda model: model.set_params(warm_start=True, max_iter=2).fit(X, first).fit(X, second)


CLASSIFIED: dict[str, Callable[[Any], Any]] = {
    "not fitted": lambda model: model.predict(X),
    "no probabilities before": lambda model: model.predict_proba(X),
    "NaN": lambda model: model.fit(np.where(X > 1, np.nan, X), Y),
    "infinity": lambda model: model.fit(np.where(X > 1, np.inf, X), Y),
    "other lengths": lambda model: model.fit(X, Y[:-1]),
    "one axis": lambda model: model.fit(X[:, 0], Y),
    "no rows": lambda model: model.fit(X[:0], Y[:0]),
    "numbers as labels": lambda model: model.fit(X, X[:, 0]),
    "several columns of classes": lambda model: model.fit(X, np.stack([Y, Y], 1)),
    "other columns later": lambda model: model.set_params(max_iter=1).fit(X, Y).predict(X[:, :2]),
    "columns of others": lambda model: model.partial_fit(X, Y, classes=np.unique(Y)).partial_fit(X[:, :2], Y),
    "partial_fit without classes": lambda model: model.partial_fit(X, Y),
    "partial_fit of other classes": lambda model: model.partial_fit(X, Y, classes=["setosa", "virginica"]),
    "partial_fit with lbfgs": lambda model: model.set_params(solver="lbfgs").partial_fit(X, Y),
    "partial_fit with early stopping": lambda model: model.set_params(early_stopping=True).partial_fit(
        X, Y, classes=np.unique(Y)
    ),
    "other classes when warm": two_calls(Y, np.where(Y == "setosa", "rose", Y)),
    "weights of others": lambda model: model.fit(X, Y, np.ones(3)),
    "hidden sizes of 0": lambda model: model.set_params(hidden_layer_sizes=(3, 0)).fit(X, Y),
    "a fraction of a neuron": lambda model: model.set_params(hidden_layer_sizes=(5.5,)).fit(X, Y),
    "a negative hidden size": lambda model: model.set_params(hidden_layer_sizes=-1).fit(X, Y),
    "alpha": lambda model: model.set_params(alpha=-1.0).fit(X, Y),
    "batch_size": lambda model: model.set_params(batch_size=0).fit(X, Y),
    "learning_rate_init": lambda model: model.set_params(learning_rate_init=0).fit(X, Y),
    "power_t": lambda model: model.set_params(power_t=-1).fit(X, Y),
    "max_iter": lambda model: model.set_params(max_iter=0.5).fit(X, Y),
    "shuffle": lambda model: model.set_params(shuffle="yes").fit(X, Y),
    "random_state": lambda model: model.set_params(random_state="seed").fit(X, Y),
    "tol": lambda model: model.set_params(tol=-1).fit(X, Y),
    "momentum": lambda model: model.set_params(momentum=2).fit(X, Y),
    "validation_fraction": lambda model: model.set_params(validation_fraction=1.5).fit(X, Y),
    "beta_1": lambda model: model.set_params(beta_1=1.0).fit(X, Y),
    "epsilon": lambda model: model.set_params(epsilon=0).fit(X, Y),
    "n_iter_no_change": lambda model: model.set_params(n_iter_no_change=0).fit(X, Y),
    "max_fun": lambda model: model.set_params(max_fun=0).fit(X, Y),
    "an unknown parameter": lambda model: model.set_params(layers=3),
}
REGRESSED: dict[str, Callable[[Any], Any]] = {
    "too little to validate": lambda model: model.set_params(
        early_stopping=True, validation_fraction=0.05
    ).fit(Z[:12], T[:12]),
    "not fitted": lambda model: model.predict(Z),
    "too large": lambda model: model.set_params(solver="sgd", learning_rate_init=1e3).fit(1e6 * Z, 1e6 * T),
    "NaN among the targets": lambda model: model.fit(Z, np.where(T > 1, np.nan, T)),
}


def outcome(call: Callable[[], Any]) -> tuple[type, str]:
    """The error of a call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception) as caught:  # noqa: PT011, whatever scikit-learn raises
            call()
    return caught.type, str(caught.value)


@pytest.mark.parametrize("name", CLASSIFIED)
def test_classifiers_refuse_alike(name: str) -> None:
    theirs = outcome(lambda: CLASSIFIED[name](TheirClassifier()))
    ours = outcome(lambda: CLASSIFIED[name](MLPClassifier()))
    assert ours[0] is theirs[0]
    if name == "an unknown parameter":  # whose message lists all that there are
        theirs, ours = (each[1].partition(":")[0] for each in (theirs, ours))
    assert ours == theirs


@pytest.mark.parametrize("name", REGRESSED)
def test_regressors_refuse_alike(name: str) -> None:
    theirs = outcome(lambda: REGRESSED[name](TheirRegressor()))
    ours = outcome(lambda: REGRESSED[name](MLPRegressor()))
    assert ours[0] is theirs[0]
    assert ours[1].startswith(theirs[1])


OWN: dict[str, tuple[Callable[[], Any], str]] = {
    "solver": (lambda: MLPClassifier(solver="adma").fit(X, Y), "'solver' parameter .* must be a str among"),
    "activation": (lambda: MLPClassifier(activation="softmax").fit(X, Y), "'activation' parameter"),
    "learning_rate": (lambda: MLPClassifier(learning_rate="cosinus").fit(X, Y), "'learning_rate' parameter"),
    "dropout": (
        lambda: MLPClassifier(dropout=1.0).fit(X, Y),
        r"'dropout' parameter .* in the range \[0.0, 1.0\)",
    ),
    "normalization": (lambda: MLPClassifier(normalization="group").fit(X, Y), "'normalization' parameter"),
    "loss": (lambda: MLPRegressor("square").fit(Z, T), "'loss' parameter .* must be a str among"),
    "quantile": (lambda: MLPRegressor("quantile", quantile=1.0).fit(Z, T), "'quantile' parameter"),
    "engine": (lambda: MLPClassifier(engine="jit").fit(X, Y), "'engine' parameter"),
    "dtype": (lambda: MLPClassifier(dtype="float16").fit(X, Y), "'dtype' parameter"),
    "n_models": (lambda: MLPClassifier(n_models=0).fit(X, Y), "'n_models' parameter"),
    "max_time": (lambda: MLPClassifier(max_time=0).fit(X, Y), "'max_time' parameter"),
    "callbacks": (lambda: MLPClassifier(callbacks=[print]).fit(X, Y), "expected instances of Callback, got"),
    "callbacks of scikit-learn": (
        lambda: MLPClassifier(callbacks=[ProgressBar()]).fit(X, Y),
        "callbacks: expected instances of plaingrad.train.callbacks.Callback, got ProgressBar; set_callbacks",
    ),
    "a network of torch": (
        lambda: MLPClassifier(module=torch.nn.Linear(4, 3)).fit(X, Y),
        "module: expected a plaingrad Module or a function, got torch.nn's Linear, of which "
        "plaingrad.interop.from_torch makes one",
    ),
    "a class of torch": (
        lambda: MLPClassifier(module=torch.nn.Linear).fit(X, Y),
        "returns a plaingrad Module, got torch.nn's Linear, of which plaingrad.interop.from_torch makes one",
    ),
    "a function of nothing": (
        lambda: MLPClassifier(module=lambda: nn.Linear(4, 3)).fit(X, Y),
        r"module: expected a function of the numbers of inputs and outputs that returns a plaingrad Module, "
        r"got one of \(\)",
    ),
    **{
        f"a rule of torch {i}": (
            partial(lambda solver: MLPClassifier(solver=solver).fit(X, Y), solver),
            f"solver: expected a function that returns a plaingrad Optimizer, such as one of .*, got {got}",
        )
        for i, (solver, got) in enumerate(
            [
                (torch.optim.Adam, "torch.optim.adam.Adam"),
                (partial(torch.optim.SGD, lr=0.1), "torch.optim.sgd.SGD"),
                (lambda parameters: torch.optim.Adam(parameters), "one of torch's"),
            ]
        )
    },
    "a schedule of torch": (
        lambda: MLPClassifier(learning_rate=partial(torch.optim.lr_scheduler.StepLR, step_size=1)).fit(X, Y),
        "learning_rate: expected a function that returns a plaingrad Schedule, such as one of .*, "
        "got torch.optim.lr_scheduler.StepLR",
    ),
    "class_weight": (lambda: MLPClassifier(class_weight={"rose": 2}).fit(X, Y), "not in class_weight"),
    "balanced in parts": (
        lambda: MLPClassifier(class_weight="balanced").partial_fit(X, Y, classes=np.unique(Y)),
        "'balanced' is not supported for partial_fit",
    ),
    "negative counts": (
        lambda: MLPRegressor("poisson").fit(Z, T),
        "'poisson' needs targets of at least 0, got -",
    ),
    "a solver that makes no optimizer": (
        lambda: MLPClassifier(solver=lambda parameters: None).fit(X, Y),
        "solver: expected a function that returns a plaingrad Optimizer, got None",
    ),
    "a rate that is no schedule": (
        lambda: MLPClassifier(learning_rate=lambda optimizer: 0.1).fit(X, Y),
        "learning_rate: expected a function that returns a plaingrad Schedule, got 0.1",
    ),
    "nothing to train": (
        lambda: MLPClassifier(module=nn.Identity()).fit(X, Y),
        "module: expected a network with parameters to train, got Identity",
    ),
    **{
        f"{len(values)} {name} of other shapes": (
            partial(setattr, MLPClassifier(max_iter=1).partial_fit(X, Y, classes=np.unique(Y)), name, values),
            f"{name}: expected arrays of the shapes .*, got",
        )
        for name in ("coefs_", "intercepts_")
        for values in ([np.zeros((4, 100))], [np.zeros((100, 4)), np.zeros((100, 3))])
    },
    "weights of 0": (lambda: MLPClassifier().fit(X, Y, np.zeros(len(X))), "weight.*zero"),
    "negative weights": (lambda: MLPClassifier().fit(X, Y, -np.ones(len(X))), "Negative values in data"),
    "words as numbers": (lambda: MLPRegressor().fit(X, Y), "y: expected numbers, got values of <U10 such as"),
    **{
        f"{name} with lbfgs": (
            partial(lambda options: MLPClassifier(solver="lbfgs", **options).fit(X, Y), {name: value}),
            f"solver 'lbfgs' takes no {name}",
        )
        for name, value in {
            "dropout": 0.5,
            "callbacks": [Callback()],
            "clip_norm": 1.0,
            "engine": "native",
            "learning_rate": "cosine",
        }.items()
    },
}


@pytest.mark.parametrize("name", OWN)
def test_what_scikit_learn_has_not_is_refused_in_its_way(name: str) -> None:
    call, words = OWN[name]
    kind, message = outcome(call)
    assert issubclass(kind, ValueError)
    assert re.search(words, message), message
    assert "\n" not in message


def test_warnings_are_the_same() -> None:
    for options in ({"max_iter": 2}, {"max_iter": 2, "batch_size": 1000}, {"solver": "lbfgs", "max_iter": 2}):
        told = []
        for kind in (TheirClassifier, MLPClassifier):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                kind(**options, random_state=0).fit(X, Y)
            told.append([(each.category, str(each.message)) for each in caught])
        assert told[0] == told[1]
        assert told[0]


@pytest.mark.parametrize(
    ("theirs", "ours", "y"), [(TheirClassifier, MLPClassifier, Y), (TheirRegressor, MLPRegressor, T)]
)
def test_progress_is_printed_in_the_same_words(
    theirs: Any, ours: Any, y: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    x = X if y is Y else Z
    options: dict[str, Any] = {
        "verbose": True,
        "tol": 0.05,
        "n_iter_no_change": 2,
        "solver": "sgd",
        "learning_rate": "adaptive",
        "learning_rate_init": 0.01,
        "random_state": 0,
        "batch_size": 20,
        "alpha": 0.0,
    }
    printed = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for model in (theirs(**options), ours(**options, dtype="float64", engine="eager")):
            model.fit(x, y)
            printed.append(capsys.readouterr().out)
    assert "Setting learning rate to" in printed[0]
    assert "Learning rate too small" in printed[0]
    assert printed[0] == printed[1]


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize(("parameter", "option"), [("learning_rate_init", "lr"), ("alpha", "weight_decay")])
def test_a_rate_or_a_penalty_that_float32_cannot_hold(engine: str, parameter: str, option: str) -> None:
    model = MLPRegressor(engine=engine, max_iter=2, **{parameter: 1e300})
    with pytest.raises(
        ValueError, match=rf"^Adam: expected options that float32 can hold, got {option}=[12]e\+300$"
    ):
        model.fit(np.eye(20, dtype=np.float32), np.arange(20, dtype=np.float32))
