"""The options of a training that depend on its target."""

from __future__ import annotations

from typing import Any

import numpy as np

from plaingrad.errors import InputError
from plaingrad.tables import Target
from plaingrad.tables.metric import BY_TASK, name_of_metric
from plaingrad.tables.settings import Settings

CLASS_LOSSES = ("log_loss",)


def expect_fitting(settings: Settings, target: Target) -> None:
    """Refuse options that do not go with the task.

    Raises:
        InputError: one line that names the option.
    """
    classes = target.task != "regression"
    if settings.loss != "auto" and classes != (settings.loss in CLASS_LOSSES):
        raise InputError(f"expected a loss for {target.task}, got {settings.loss}", argument="loss")
    if not classes and (settings.class_weight or settings.label_smoothing):
        option = "class_weight" if settings.class_weight else "label_smoothing"
        raise InputError("expected a target of classes with it, and this one has numbers", argument=option)
    if target.task == "ordinal" and settings.class_weight:
        problem = "expected --task classification with it, got ordinal"
        raise InputError(
            problem, argument="class_weight", hint="a column of weights is for any task: --weight"
        )
    if settings.target_transform == "log" and (classes or settings.loss == "poisson"):
        got = target.task if classes else "the loss poisson, which has a logarithm of its own"
        raise InputError(f"expected regression with log, got {got}", argument="target_transform")
    class_weights(settings, target)
    _expect_metric(settings, target)


def _expect_metric(settings: Settings, target: Target) -> None:
    if settings.metric is None:
        return
    name = name_of_metric(settings.metric)
    if name not in BY_TASK[target.task]:
        raise InputError(f"expected a metric for {target.task}, got {name}", argument="metric")
    if name == "cost" and len(target.labels) != 2:
        raise InputError(f"expected two classes with cost, got {len(target.labels)}", argument="metric")
    if settings.loss == "quantile":
        raise InputError("expected none with --loss quantile, whose own loss tells", argument="metric")


def class_weights(settings: Settings, target: Target) -> Any:
    """The estimator's ``class_weight``, by the indices of the classes."""
    if not settings.class_weight:
        return None
    if list(settings.class_weight) == ["balanced"]:
        return "balanced"
    codes = {name: code for code, name in enumerate(target.class_names)}
    weights = {}
    for text in settings.class_weight:
        name, equals, number = text.rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = np.nan
        if not equals or not 0 < value < np.inf:
            expected = "expected balanced, or a class and a number above 0 such as yes=2.5"
            raise InputError(f"{expected}, got {text!r}", argument="class_weight")
        if name not in codes:
            known = ", ".join(map(repr, list(codes)[:20]))
            raise InputError(f"there is no class {name!r}; classes: {known}", argument="class_weight")
        weights[codes[name]] = value
    return weights
