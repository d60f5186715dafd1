"""From one call to the next: a call that fails loses nothing, and one that goes on ignores nothing."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import wraps
from operator import index
from typing import Any

import numpy as np

# Parameters that shape a multilayer perceptron, and their defaults.
SHAPING: dict[str, Any] = {
    "hidden_layer_sizes": (100,),
    "activation": "relu",
    "dropout": 0.0,
    "normalization": None,
    "embedding": None,
}


def all_or_nothing(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let an estimator keep its attributes if a method fails.

    Networks that were there before, and that the method went on training, keep what they learned until then.
    """

    @wraps(method)
    def kept(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return kept


def shape(estimator: Any) -> dict[str, Any]:
    """The parameters that shape an estimator's networks."""
    found = {"n_models": estimator.n_models, "module": estimator.module}
    if estimator.module is not None:
        return found
    own = {name: getattr(estimator, name) for name in ("activation", "dropout", "normalization")}
    columns = estimator.embedding
    embedding = columns if isinstance(columns, Mapping) else None if columns is None else list(columns)
    return {**found, "hidden_layer_sizes": hidden_sizes(estimator), **own, "embedding": embedding}


def hidden_sizes(estimator: Any) -> list[int]:
    """The sizes of the hidden layers."""
    sizes = estimator.hidden_layer_sizes
    sizes = list(sizes) if hasattr(sizes, "__iter__") else [sizes]
    if np.any(np.array(sizes) <= 0):
        raise ValueError(f"hidden_layer_sizes must be > 0, got {sizes}.")
    return [index(size) for size in sizes]


def expect_heeded(estimator: Any) -> None:
    """Warn of parameters that a network of the caller's own leaves without effect."""
    if estimator.module is None:
        return
    ignored = [name for name, default in SHAPING.items() if not _same(getattr(estimator, name), default)]
    if ignored:
        told = f"{', '.join(ignored)} {'has' if len(ignored) == 1 else 'have'} no effect"
        warnings.warn(f"module is trained as it is: {told}", UserWarning, stacklevel=2)


def _same(value: Any, default: Any) -> bool:
    """Whether it is the default, also as a number, list or array of sizes."""
    if isinstance(default, tuple):
        return np.array_equal(np.ravel(value), default)
    return value is default or (default is not None and bool(value == default))


def expect_same_networks(estimator: Any) -> None:
    """Refuse a change of parameters that networks which are there already could only ignore.

    Raises:
        ValueError: a parameter is not what it was when they were made.
    """
    before, now = estimator._shaped, shape(estimator)
    for name, value in now.items():
        if value != before.get(name):
            raise ValueError(
                f"{name}: expected {before.get(name)!r} as in the first call, whose networks are trained on, "
                f"got {value!r}; fit with warm_start=False makes new ones"
            )
