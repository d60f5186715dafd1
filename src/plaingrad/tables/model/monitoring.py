"""The metric of the validation rows, which ends a training and chooses the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from plaingrad.estimators.objectives import LINKS
from plaingrad.estimators.targets import without_class_weights
from plaingrad.module import Module
from plaingrad.tables import Target
from plaingrad.tables.columns.order import class_probabilities, median_class
from plaingrad.tables.metric import OF_DECISIONS, SMALLER_IS_BETTER, costs, name_of_metric
from plaingrad.tables.model.decision import best_decision
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.report.scores import Predictions, Scoring
from plaingrad.tables.settings import Settings
from plaingrad.train.callbacks import EarlyStopping
from plaingrad.train.callbacks.callback import Logs
from plaingrad.train.evaluation import outputs

BATCH_SIZE = 1024


def column_of(settings: Settings) -> str:
    """The column of the history that tells when to stop."""
    return "val_loss" if settings.metric is None else f"val_{name_of_metric(settings.metric)}"


def smaller_is_better(settings: Settings) -> bool:
    """True if training aims at a small number."""
    return settings.metric is None or name_of_metric(settings.metric) in SMALLER_IS_BETTER


class MetricStopping(EarlyStopping):
    """Early stopping by a metric that the history gets too.

    Args:
        settings: of the training; ``metric`` is set.
        measure: the metric of a network.
    """

    def __init__(self, settings: Settings, measure: Callable[[Module], float]) -> None:
        mode = "min" if smaller_is_better(settings) else "max"
        super().__init__(
            column_of(settings), patience=settings.patience, mode=mode, restore_best_weights=True
        )
        self.measure = measure

    def on_train_begin(self, logs: Logs) -> None:
        self._forget()

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        value = self.measure(self.run.model)
        self.run.history.append({self.monitor: value})
        logs[self.monitor] = value  # for the callbacks after this one
        super().on_epoch_end(epoch, logs)


def measuring(
    settings: Settings,
    target: Target,
    held_out: Samples,
    positive: int | None,
    weights: Mapping[int, float] | None,
) -> Callable[[Module], float]:
    """A function that measures a network by the metric of the settings.

    Args:
        settings: of the training; ``metric`` is set.
        target: what is predicted.
        held_out: the validation rows.
        positive: of two classes the one that matters.
        weights: of the classes that the network knows, in their order; None if all classes are known and
            count alike.
    """
    assert settings.metric is not None
    name, X, truth = name_of_metric(settings.metric), torch.from_numpy(held_out.X), held_out.y
    scoring = Scoring(target, None, positive)

    def measure(model: Module) -> float:
        predicted = outputs(model, X, BATCH_SIZE).numpy()
        if not target.labels:
            link = LINKS["exp" if settings.loss == "poisson" else "identity"]
            score = scoring.scores(truth, Predictions(link(predicted[:, 0])))[name]
        else:
            every = _probabilities(predicted, target, weights)
            if positive is not None and name in OF_DECISIONS:
                return best_decision(name, truth == positive, every[:, positive], costs(settings.metric))[1]
            codes = median_class(every) if target.task == "ordinal" else every.argmax(1)
            score = scoring.scores(truth, Predictions(codes, every))[name]
        return np.nan if score is None else score

    return measure


def _probabilities(predicted: np.ndarray, target: Target, weights: Mapping[int, float] | None) -> np.ndarray:
    if predicted.shape[1] == 1 or target.task == "ordinal":
        known = class_probabilities(LINKS["logistic"](predicted))
    else:
        known = LINKS["softmax"](predicted)
    if weights is None:
        return known
    every = np.zeros((len(known), len(target.labels)), known.dtype)
    every[:, list(weights)] = without_class_weights(known, np.array(list(weights.values())))
    return every


def class_weight_of(class_weight: Any, codes: np.ndarray) -> dict[int, float]:
    """The weight of each class that these rows have, as scikit-learn computes it."""
    from sklearn.utils import compute_class_weight

    classes = np.unique(codes)
    named = (
        class_weight
        if class_weight == "balanced" or class_weight is None
        else {code: weight for code, weight in class_weight.items() if code in classes}
    )
    return dict(zip(classes.tolist(), compute_class_weight(named, classes=classes, y=codes).tolist()))
