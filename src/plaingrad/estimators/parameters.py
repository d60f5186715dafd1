"""The parameters that both estimators share: their names, values, and rules for them together."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from operator import index
from typing import Any

import numpy as np
from sklearn.callback import FitCallback

from plaingrad.errors import InputError
from plaingrad.estimators.perceptron import ACTIVATIONS, NORMALIZATIONS
from plaingrad.estimators.private import Interval, Options, StrOptions
from plaingrad.module import Module
from plaingrad.optim import Optimizer, Schedule
from plaingrad.train.callbacks import Callback

# They mix the columns of a layer, or need arguments.
SOLVERS = ("adagrad", "adam", "adamw", "lbfgs", "rmsprop", "sgd")
# Those that scikit-learn applies to "sgd" alone, and those that go with every solver.
SGD_RATES = ("adaptive", "constant", "invscaling")
SCHEDULES = ("cosine", "linear", "one_cycle")

CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "solver": [StrOptions(set(SOLVERS)), callable],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({*SGD_RATES, *SCHEDULES}), callable],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="both")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left"), Options(Real, {np.inf})],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left")],
    "normalization": [StrOptions(set(NORMALIZATIONS)), None],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "callbacks": ["array-like", None],
    "max_time": [Interval(Real, 0, None, closed="neither"), None],
    "checkpoint": [str, os.PathLike, None],
    "dtype": [StrOptions({"auto", "float32", "float64"})],
    "engine": [StrOptions({"auto", "eager", "native"})],
    "n_models": [Interval(Integral, 1, None, closed="left")],
    "module": [Module, callable, None],
    "embedding": ["array-like", dict, None],
}

# Parameters that shape a multilayer perceptron, and their defaults.
SHAPING: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "dropout": 0.0,
    "normalization": None,
    "embedding": None,
}


@dataclass(eq=False, repr=False)
class Parameters:
    """The arguments that both estimators share; `MLPClassifier` describes them."""

    hidden_layer_sizes: int | Sequence[int] = (100,)
    activation: str = "relu"
    _: KW_ONLY
    solver: str | Callable[..., Optimizer] = "adam"
    alpha: float = 0.0001
    batch_size: int | str = "auto"
    learning_rate: str | Callable[[Optimizer], Schedule] = "constant"
    learning_rate_init: float = 0.001
    power_t: float = 0.5
    max_iter: int = 200
    shuffle: bool = True
    random_state: int | np.random.RandomState | None = None
    tol: float = 1e-4
    verbose: bool | int = False
    warm_start: bool = False
    momentum: float = 0.9
    nesterovs_momentum: bool = True
    early_stopping: bool = False
    validation_fraction: float = 0.1
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    n_iter_no_change: float = 10
    max_fun: int = 15000
    dropout: float = 0.0
    normalization: str | None = None
    clip_norm: float | None = None
    callbacks: Sequence[Callback] | None = None
    max_time: float | None = None
    checkpoint: str | os.PathLike[str] | None = None
    dtype: str = "auto"
    engine: str = "auto"
    n_models: int = 1
    module: Module | Callable[[int, int], Module] | None = None
    embedding: Sequence[Any] | dict[Any, int] | None = None


def hidden_sizes(parameters: Parameters) -> list[int]:
    """The sizes of the hidden layers."""
    sizes: Any = parameters.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [index(size) for size in sizes]


def shape(parameters: Parameters) -> dict[str, Any]:
    """The parameters that shape the networks, as they are now."""
    shaping: dict[str, Any] = {"n_models": parameters.n_models, "module": parameters.module}
    if parameters.module is not None:
        return shaping
    columns = parameters.embedding
    return {
        **shaping,
        "hidden_layer_sizes": hidden_sizes(parameters),
        "activation": parameters.activation,
        "dropout": parameters.dropout,
        "normalization": parameters.normalization,
        "embedding": columns if columns is None or isinstance(columns, Mapping) else list(columns),
    }


def expect_same_shape(parameters: Parameters, before: Mapping[str, Any]) -> None:
    """Refuse a change of parameters that networks which are there already could only ignore.

    Args:
        parameters: as they are now.
        before: their `shape` when the networks were made.

    Raises:
        ValueError: a parameter is not what it was.
    """
    for name, value in shape(parameters).items():
        if value != before.get(name):
            raise InputError(
                f"{name}: expected {before.get(name)!r} as in the first call, whose networks are trained on, "
                f"got {value!r}; fit with warm_start=False makes new ones"
            )


def warn_ignored(parameters: Parameters) -> None:
    """Warn of parameters that a network of the caller's own leaves without effect."""
    if parameters.module is None:
        return
    ignored = [name for name, default in SHAPING.items() if not _equals(getattr(parameters, name), default)]
    if ignored:
        effect = f"{', '.join(ignored)} {'has' if len(ignored) == 1 else 'have'} no effect"
        warnings.warn(f"module is trained as it is: {effect}", UserWarning, stacklevel=2)


def _equals(value: Any, default: Any) -> bool:
    """True for the default, also as a number, list or array of sizes."""
    if isinstance(default, tuple):
        return np.array_equal(np.ravel(value), default)
    return value is default or (default is not None and bool(value == default))


def expect_own_callbacks(parameters: Parameters) -> None:
    """Refuse scikit-learn's callbacks where plaingrad's are expected.

    Raises:
        ValueError: there is one.
    """
    for callback in () if parameters.callbacks is None else parameters.callbacks:
        if isinstance(callback, FitCallback) and not isinstance(callback, Callback | type):
            kind = type(callback).__name__
            expected = "instances of plaingrad.train.callbacks.Callback"
            raise InputError(
                f"callbacks: expected {expected}, got {kind}; set_callbacks takes scikit-learn's"
            )


def expect_repeatable(parameters: Parameters) -> None:
    """Refuse a checkpoint of a call that would draw other numbers each time.

    Raises:
        ValueError: there is no random state.
    """
    if parameters.checkpoint is not None and parameters.random_state is None:
        expected = "expected a random_state, with which the same call is the same run"
        raise InputError(f"{expected}, got None", argument="checkpoint")


def expect_lbfgs_heeds(parameters: Parameters, validated: bool) -> None:
    """Refuse what "lbfgs", which knows neither batches nor epochs, could only ignore.

    Raises:
        ValueError: it has been asked for.
    """
    unused = {
        "callbacks": bool(parameters.callbacks),
        "checkpoint": parameters.checkpoint is not None,
        "clip_norm": parameters.clip_norm is not None,
        "dropout": parameters.dropout > 0,
        "engine": parameters.engine == "native",
        "learning_rate": callable(parameters.learning_rate) or parameters.learning_rate in SCHEDULES,
        "X_val": validated,
    }
    for name, asked in unused.items():
        if asked:
            raise InputError(f"solver 'lbfgs' takes no {name}; use 'sgd', 'adam' or another one with it")
