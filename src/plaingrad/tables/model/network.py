"""The training of an estimator from settings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning

from plaingrad.console.options import expect_size
from plaingrad.estimators.perceptron import linear_layers
from plaingrad.estimators.training import batch_size
from plaingrad.tables import TableEncoder, Target
from plaingrad.tables.model.automatic import automatic_batch_size, automatic_models
from plaingrad.tables.model.encoded import Encoded
from plaingrad.tables.model.monitoring import (
    MetricStopping,
    class_weight_of,
    column_of,
    measuring,
    smaller_is_better,
)
from plaingrad.tables.model.options import class_weights
from plaingrad.tables.model.rows import Samples
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.report.scores import rarer
from plaingrad.tables.settings import Settings
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback, EarlyStopping

if TYPE_CHECKING:
    from plaingrad.estimators import MLPClassifier, MLPRegressor
    from plaingrad.train import History

MOST_SHIFT = 1.0  # of a logarithm: a factor of e


@dataclass(frozen=True)
class Fitted:
    """The result of a training.

    Attributes:
        estimator: trained, with the weights of its best epoch.
        encoder: of the columns.
        best_epoch: counted from 1; None without validation.
        batch_size: how many rows a step took.
    """

    estimator: MLPClassifier | MLPRegressor
    encoder: TableEncoder
    best_epoch: int | None
    batch_size: int

    @classmethod
    def of(cls, estimator: MLPClassifier | MLPRegressor, encoded: Encoded, settings: Settings) -> Fitted:
        """The result with an estimator that was trained on these rows."""
        best = None
        if encoded.validation:
            sign = 1 if smaller_is_better(settings) else -1
            values = sign * np.array(estimator.histories_[0].epochs[column_of(settings)])
            best = 1 + int(np.argmin(np.nan_to_num(values, nan=np.inf)))
        return cls(estimator, encoded.encoder, best, batch_size(estimator, len(encoded.train)))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The predictions of the estimator for encoded rows ``(rows, features)``."""
        return np.asarray(self.estimator.predict(_with_codes(X, list(self.encoder.cardinalities_))))

    @property
    def history(self) -> History:
        """Of the first network."""
        return self.estimator.histories_[0]


def fitted(
    encoded: Encoded,
    target: Target,
    settings: Settings,
    callbacks: Sequence[Watcher] = (),
    checkpoint: Path | None = None,
) -> Fitted:
    """Train the network that the settings ask for.

    Args:
        encoded: what to train on.
        target: what is to be predicted.
        settings: of network and training.
        callbacks: of the training; each is told of the validation data by ``begin`` before.
        checkpoint: the folder that the training goes on from after it was killed.

    Raises:
        InputError: an option cannot be used.
        TrainingDiverged: the parameters became infinite.
    """
    train, held_out = encoded.train, encoded.validation
    expect_size([train.X.shape[1], *settings.hidden, max(1, len(target.labels))])
    stopping = [_stopping(encoded, target, settings)] if held_out else []
    for callback in callbacks:
        callback.begin(held_out, target, settings)
    coded = list(encoded.encoder.cardinalities_)
    estimator = make_estimator(settings, target, train.X.shape, coded, [*stopping, *callbacks])
    estimator.checkpoint = checkpoint
    validation = (
        {"X_val": _with_codes(held_out.X, coded), "y_val": target.learned(held_out.y)} if held_out else {}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the report tells it
        warnings.filterwarnings("ignore", "Training interrupted by user")
        try:
            estimator.fit(_with_codes(train.X, coded), target.learned(train.y), train.weights, **validation)
        except ValueError as error:
            if isinstance(error.__cause__, TrainingDiverged):
                raise error.__cause__ from None
            raise
    if target.log_scale is not None and settings.loss in ("auto", "squared_error"):
        center(estimator, held_out or train, coded, target)
    return Fitted.of(estimator, encoded, settings)


def center(estimator: Any, rows: Samples, coded: list[int], target: Target) -> None:
    """Shift the outputs of networks so that their predictions have the mean of some rows.

    On a logarithmic scale squared errors lead to the geometric mean, which is too small.

    Source: N. Duan, "Smearing estimate: a nonparametric retransformation method", 1983.
    """
    predicted = estimator.predict(_with_codes(rows.X, coded))
    mean = np.average(target.undo(rows.y), weights=rows.weights)

    def excess(shift: float) -> float:
        return float(np.average(target.undo(predicted + shift), weights=rows.weights) - mean)

    most = MOST_SHIFT / target.deviation
    if excess(-most) < 0 < excess(most):
        shift = brentq(excess, -most, most)
        for module in estimator.modules_:
            bias = linear_layers(module.modules())[-1].bias
            assert bias is not None
            bias.value.add_(shift)


def _stopping(encoded: Encoded, target: Target, settings: Settings) -> Callback:
    if settings.metric is None:
        return EarlyStopping(patience=settings.patience, restore_best_weights=True)
    assert encoded.validation is not None
    codes, weights, positive = encoded.train.y, None, None
    if target.labels:
        weights = class_weight_of(class_weights(settings, target), codes)
        positive = rarer(codes) if len(target.labels) == 2 else None
    return MetricStopping(settings, measuring(settings, target, encoded.validation, positive, weights))


def _with_codes(X: np.ndarray, columns: list[int]) -> np.ndarray:
    """Features with the codes in some columns as estimators count them: from 0, and -1 for unknown ones."""
    if not columns:
        return X
    X = X.copy()
    X[:, columns] -= 1
    return X


def make_estimator(
    settings: Settings,
    target: Target,
    shape: tuple[int, int],
    coded: list[int],
    callbacks: Sequence[Callback],
) -> MLPClassifier | MLPRegressor:
    """The estimator that the settings ask for, for so many training rows and features, some of them coded."""
    from plaingrad.estimators import MLPClassifier, MLPRegressor

    options: dict[str, Any] = {
        "hidden_layer_sizes": settings.hidden,
        "activation": settings.activation,
        "dropout": settings.dropout,
        "normalization": None if settings.normalization == "none" else settings.normalization,
        "n_models": settings.models or automatic_models(*shape),
        "embedding": coded or None,
        "solver": settings.optimizer,
        "learning_rate_init": settings.lr,
        "learning_rate": settings.schedule,
        "alpha": settings.weight_decay,
        "clip_norm": settings.clip_norm,
        "max_iter": settings.epochs,
        "batch_size": settings.batch_size or automatic_batch_size(shape[0]),
        "max_time": settings.max_time,
        "random_state": settings.seed,
        "engine": settings.engine,
        "callbacks": callbacks,
        "tol": 0.0,
        "n_iter_no_change": np.inf,  # the validation loss tells when to stop, not the training loss
    }
    if target.labels:
        smoothing, weight = settings.label_smoothing, class_weights(settings, target)
        return MLPClassifier(**options, label_smoothing=smoothing, class_weight=weight)
    loss = "squared_error" if settings.loss == "auto" else settings.loss
    return MLPRegressor(loss=loss, quantile=settings.quantile, **options)
