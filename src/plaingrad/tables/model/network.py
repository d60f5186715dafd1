"""The training of an estimator from settings."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.optimize import brentq
from sklearn.exceptions import ConvergenceWarning

from plaingrad.console.options import expect_size
from plaingrad.console.output import plural
from plaingrad.errors import InputError
from plaingrad.estimators.perceptron import linear_layers
from plaingrad.estimators.training import batch_size
from plaingrad.tables import TableEncoder, Target
from plaingrad.tables.columns.strange import StrangeCounts
from plaingrad.tables.metric import BY_TASK, name_of_metric
from plaingrad.tables.model.monitoring import (
    MetricStopping,
    class_weight_of,
    column_of,
    measuring,
    smaller_is_better,
)
from plaingrad.tables.model.parts import Parts
from plaingrad.tables.model.rows import Rows, Samples
from plaingrad.tables.model.watcher import Watcher
from plaingrad.tables.reading.source import IGNORE, mendable
from plaingrad.tables.report.scores import rarer
from plaingrad.tables.settings import Settings
from plaingrad.train import TrainingDiverged
from plaingrad.train.callbacks import Callback, EarlyStopping

if TYPE_CHECKING:
    from plaingrad.estimators import MLPClassifier, MLPRegressor
    from plaingrad.train import History

MOST_SHIFT = 1.0  # of a logarithm: a factor of e
CLASS_LOSSES = ("log_loss",)
FEWEST_LEVELS, MOST_LEVELS, ROWS_PER_LEVEL = 40, 1000, 10
MODELS = 4
MOST_CELLS = 1 << 24


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

    def predict(self, X: np.ndarray) -> np.ndarray:
        """The predictions of the estimator for encoded rows ``(rows, features)``."""
        return np.asarray(self.estimator.predict(_with_codes(X, list(self.encoder.cardinalities_))))

    @property
    def history(self) -> History:
        """Of the first network."""
        return self.estimator.histories_[0]


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


def automatic_batch_size(rows: int) -> int:
    """A power of two, about a hundredth of the rows: 32 for small tables, 1024 for large ones."""
    size = 32
    while size < min(1024, rows / 100):
        size *= 2
    return min(size, rows)


def automatic_max_levels(rows: int) -> int:
    """As many as have ten rows each, but at least 40, and no more than fit into memory for so many rows."""
    return max(FEWEST_LEVELS, min(rows // ROWS_PER_LEVEL, MOST_LEVELS, MOST_CELLS // max(1, rows)))


def automatic_models(rows: int, features: int) -> int:
    """Several for tables of which one is trained soon, or else one."""
    return MODELS if rows * features <= MOST_CELLS // 4 else 1


@dataclass(frozen=True)
class Encoded:
    """The parts of a table as a network gets them.

    Attributes:
        encoder: fitted to the training rows.
        train: what the network is trained on.
        validation: what tells when to stop; None if nothing does.
        test: what the network is judged by; None if it has been judged before.
        strange: the strange cells of tables other than the one of the training rows.
    """

    encoder: TableEncoder
    train: Samples
    validation: Samples | None
    test: Samples | None
    strange: Mapping[Path, StrangeCounts] = field(default_factory=dict)

    @classmethod
    def of(cls, parts: Parts, settings: Settings) -> Encoded:
        """Encode the columns as the training rows ask for.

        Raises:
            InputError: a column, the batch size or the embedding cannot be used.
        """
        rows = len(parts.train)
        if settings.batch_size is not None and settings.batch_size > rows:
            raise InputError(
                f"expected at most the {rows} training rows, got {settings.batch_size}", argument="batch_size"
            )
        with mendable(IGNORE):
            levels = settings.max_levels or automatic_max_levels(rows)
            encoder = fitted_encoder(parts.train, levels, settings.embedding, settings.bins)
            if settings.embedding and not encoder.cardinalities_:
                raise InputError("expected a column with categories, and there is none", argument="embedding")
            # What is tested is encoded now as well: a value that cannot be used shall cost no training.
            strange = defaultdict[Path, StrangeCounts](StrangeCounts)
            train, validation, test = (
                None if part is None else part.encoded(encoder, strange[part.source])
                for part in (parts.train, parts.validation, parts.test)
            )
        assert train is not None
        del strange[parts.train.source]  # rare levels, which a part need not have
        return cls(encoder, train, validation, test, strange)

    def retargeted(self, target: Target, other: Target) -> Encoded:
        """The same with the values of a target as another one has them."""
        parts = {
            name: replace(part, y=other.standardised(target.undo(part.y)))
            for name in ("train", "validation", "test")
            if (part := getattr(self, name)) is not None
        }
        return replace(self, **parts)

    def description(self) -> str:
        """The numbers of rows of the parts, in words."""
        counts = [f"{plural(len(self.train), 'row')} to train"]
        counts += [f"{len(self.validation):,} to validate"] if self.validation else []
        counts += [f"{len(self.test):,} to test"] if self.test else []
        return ", ".join(counts)

    def counts(self) -> dict[str, int]:
        """The same for a program."""
        named = {"train": self.train, "validation": self.validation, "test": self.test}
        return {name: len(rows) for name, rows in named.items() if rows is not None}


def fitted_encoder(rows: Rows, max_levels: int, embedding: bool = False, bins: int = 0) -> TableEncoder:
    """An encoder fitted to the columns of some rows; arguments as for `TableEncoder`.

    Raises:
        InputError: a column cannot be used, or none can.
    """
    with rows.located():
        encoder = TableEncoder(max_levels=max_levels, embedding=embedding, bins=bins)
        return encoder.fit(rows.frame, schema=rows.meaning.schema)


def fitted(encoded: Encoded, target: Target, settings: Settings, callbacks: Sequence[Watcher] = ()) -> Fitted:
    """Train the network that the settings ask for.

    Args:
        encoded: what to train on.
        target: what is to be predicted.
        settings: of network and training.
        callbacks: of the training; each is told of the validation data by ``begin`` before.

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
    best = None
    if held_out:
        sign = 1 if smaller_is_better(settings) else -1
        values = sign * np.array(estimator.histories_[0].epochs[column_of(settings)])
        best = 1 + int(np.argmin(np.nan_to_num(values, nan=np.inf)))
    return Fitted(estimator, encoded.encoder, best, batch_size(estimator, len(train)))


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
