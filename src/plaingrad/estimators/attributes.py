"""The public attributes that training leaves in an estimator, or that are assigned before it."""

from __future__ import annotations

import copy
import dataclasses
from operator import attrgetter
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from plaingrad.errors import InputError
from plaingrad.estimators.state import FittedState, Record, assigned, fitted, fitted_arrays
from plaingrad.train import History

RECORDED = {f"{each.name}_": each.name for each in dataclasses.fields(Record)}
COUNTED = {"loss_": "loss", "n_iter_": "n_iter", "t_": "t"}
# Which the parameters and the data decide, so that an assigned value can only agree.
DERIVED = {
    "classes_": "targets.classes",
    "n_layers_": "n_layers",
    "n_outputs_": "targets.n_outputs",
    "out_activation_": "targets.link",
}


class FittedAttributes:
    """The attributes of an estimator under scikit-learn's names."""

    state_: FittedState

    loss_ = fitted("loss")
    best_loss_ = fitted("curves.best_loss")
    loss_curve_ = fitted("curves.loss_curve")
    validation_loss_curve_ = fitted("curves.validation_loss_curve")
    validation_scores_ = fitted("curves.validation_scores")
    best_validation_score_ = fitted("curves.best_validation_score")
    histories_ = fitted("histories")
    t_ = fitted("t")
    n_iter_ = fitted("n_iter")
    n_layers_ = fitted("n_layers")
    n_outputs_ = fitted("targets.n_outputs")
    out_activation_ = fitted("targets.link")
    module_ = fitted("module")
    modules_ = fitted("modules")

    coefs_ = fitted_arrays("coefs")
    intercepts_ = fitted_arrays("intercepts")

    def __sklearn_is_fitted__(self) -> bool:
        return "state_" in vars(self) or "coefs_" in assigned(self)


def examples_of(estimator: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Two samples, their targets and the classes, if there are any, that assigned attributes are for.

    Raises:
        ValueError: an attribute is missing that predictions need.
    """
    values, classifies = assigned(estimator), is_classifier(estimator)
    for name in ("intercepts_", *(["classes_"] if classifies else [])):
        if name not in values:
            raise InputError(f"{name}: expected to be assigned as coefs_ are, for predictions need it too")
    weights = values["coefs_"] or [0.0]
    first, last = (np.atleast_2d(weights[index]) for index in (0, -1))
    X, width = np.zeros((2, len(first)), first.dtype), last.shape[1]
    if not classifies:
        return X, np.zeros((2, width) if width > 1 else 2), None
    classes = np.asarray(values["classes_"])
    if width > 1 and values.get("out_activation_") == "logistic":  # several labels at once
        return X, np.eye(2, width, dtype=int), None
    return X, np.resize(classes, 2), classes


def assign(values: dict[str, Any], state: FittedState, epochs: bool) -> None:
    """Write attributes that were assigned into a new state.

    Args:
        values: by name.
        state: changed in place.
        epochs: true if its networks are trained in epochs.

    Raises:
        ValueError: they do not fit it.
    """
    if len(state.modules) > 1:
        raise InputError(f"coefs_ were assigned: expected n_models=1, got {len(state.modules)}")
    for name in ("coefs_", "intercepts_"):
        attrgetter(name.rstrip("_"))(state)[:] = values.get(name, [])
    for name, path in DERIVED.items():
        if name in values and not np.array_equal(values[name], expected := attrgetter(path)(state)):
            raise InputError(
                f"{name}: expected {expected!r}, as parameters and data ask, got {values[name]!r}"
            )
    for name in values.keys() & COUNTED.keys():
        setattr(state, COUNTED[name], values[name])
    for name in values.keys() & RECORDED.keys():
        setattr(state.records[0], RECORDED[name], copy.copy(values[name]))
    if epochs:
        state.histories = [History()]
