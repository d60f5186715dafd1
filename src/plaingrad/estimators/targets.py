"""Targets of an estimator: numbers for the network, their loss and score, and labels of predictions."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from scipy.special import xlogy
from sklearn.metrics import r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d, compute_class_weight, compute_sample_weight
from sklearn.utils.multiclass import type_of_target, unique_labels
from torch import Tensor

from plaingrad import nn
from plaingrad.errors import InputError
from plaingrad.estimators.objectives import Objective, classification, regression, smoothed


@dataclass(frozen=True)
class Part:
    """A part of the data.

    Attributes:
        X: an array or a sparse matrix ``(n_samples, n_features)``.
        encoded: the targets as numbers, ``(n_samples, n_outputs)``.
        weights: of the samples, or None.
    """

    X: Any
    encoded: np.ndarray
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.encoded)


@dataclass(frozen=True, eq=False)
class NumberTargets:
    """The targets of a regressor.

    Attributes:
        columns: the shape of one sample's target: ``()`` or ``(n_outputs,)``.
        link: a name in `LINKS`.
        loss: as for `regression`.
        quantile: as for `regression`.
    """

    columns: tuple[int, ...]
    link: str
    loss: str | nn.Loss
    quantile: float

    @classmethod
    def of(cls, loss: str | nn.Loss, quantile: float, columns: tuple[int, ...]) -> Self:
        """Targets of this shape for this loss."""
        return cls(columns, regression(loss, 1, quantile).link, loss, quantile)

    @property
    def n_outputs(self) -> int:
        return self.columns[0] if self.columns else 1

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Numbers ``(n_samples, n_outputs)``.

        Raises:
            ValueError: ``y`` holds something else, or numbers that the loss has no use for.
        """
        if y.dtype.kind not in "biuf":
            raise InputError(f"y: expected numbers, got values of {y.dtype} such as {y.flat[0]!r}")
        encoded = y.reshape(len(y), -1)
        if self.loss == "poisson" and (encoded < 0).any():
            raise InputError(f"loss 'poisson' needs targets of at least 0, got {encoded.min():g}")
        return encoded

    def tensor(self, encoded: np.ndarray, dtype: torch.dtype) -> Tensor:
        """Encoded targets as the loss takes them."""
        return torch.from_numpy(np.array(encoded, dtype=np.float64)).to(dtype)

    def objective(self, part: Part) -> Objective:
        """The loss to minimise over a part of the data."""
        objective = regression(self.loss, self.n_outputs, self.quantile)
        if self.loss != "poisson":
            return objective
        # Half of the deviance: what the loss leaves out does not depend on the predictions.
        rest = (xlogy(part.encoded, part.encoded) - part.encoded).sum(1)
        return dataclasses.replace(objective, constant=float(np.average(rest, weights=part.weights)))

    def score(self, predicted: np.ndarray, part: Part) -> float:
        """R² of predictions for a part of the data."""
        return r2(part.encoded, predicted, part.weights)


@dataclass(frozen=True, eq=False)
class ClassTargets:
    """The targets of a classifier.

    Attributes:
        columns: the shape of one sample's target: ``()``, or ``(n_outputs,)`` for several labels at once.
        classes: the labels, in order.
        binarizer: from labels to rows of zeros and ones, and back.
        label_smoothing: as for `classification`.
        class_weights: of the classes in training; None if they counted alike.
    """

    columns: tuple[int, ...]
    classes: np.ndarray
    binarizer: LabelBinarizer
    label_smoothing: float
    class_weights: np.ndarray | None = None

    @classmethod
    def of(cls, y: np.ndarray, classes: np.ndarray | None, label_smoothing: float) -> Self:
        """The classes of some labels ``(n_samples,)`` or ``(n_samples, n_outputs)``.

        Args:
            y: the labels.
            classes: all labels that will ever occur; None for those in ``y``.
            label_smoothing: as for `classification`.
        """
        binarizer = LabelBinarizer()
        if classes is None:
            classes = binarizer.fit(np.unique(y) if _sortable(y) else y).classes_
        else:
            binarizer.fit(y if type_of_target(y).startswith("multilabel") else classes)
        return cls(y.shape[1:], classes, binarizer, label_smoothing)

    @property
    def multiclass(self) -> bool:
        """True if each sample belongs to one class out of more than two."""
        return bool(self.binarizer.y_type_ == "multiclass")

    @property
    def link(self) -> str:
        """A name in `LINKS`."""
        return "softmax" if self.multiclass else "logistic"

    @property
    def n_outputs(self) -> int:
        """Columns of the network."""
        return len(self.classes) if self.multiclass else self.columns[0] if self.columns else 1

    def expect_labels(self, y: np.ndarray, exactly: bool) -> None:
        """Refuse labels that are not among the classes; and fewer than all of them, if ``exactly``."""
        labels = np.unique(y) if _sortable(y) else unique_labels(y)
        if exactly and set(labels) != set(self.classes):
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes}, `y` has {labels}"
            )
        if len(np.setdiff1d(labels, self.classes, assume_unique=True)):
            raise ValueError(
                f"`y` has classes not in `self.classes_`. `self.classes_` has {self.classes}. "
                f"'y' has {labels}."
            )

    def encode(self, y: np.ndarray) -> np.ndarray:
        """Rows of zeros and ones ``(n_samples, n_outputs)`` for labels that are among the classes."""
        if not self.columns and len(self.classes) == 2:  # as the binarizer, in less time and memory
            return np.asarray(y == self.classes[1]).astype(np.int64)[:, None]
        if not self.multiclass:
            return np.asarray(self.binarizer.transform(y))
        encoded = np.zeros((len(y), len(self.classes)), dtype=np.int8)  # likewise
        encoded[np.arange(len(y)), np.searchsorted(self.classes, y)] = 1
        return encoded

    def weighted(
        self, class_weight: Any, y: np.ndarray, weights: np.ndarray | None
    ) -> tuple[Self, np.ndarray | None]:
        """These targets with the weights of their classes, and the weights of the samples times those.

        Args:
            class_weight: weights by class, "balanced", or None.
            y: the labels.
            weights: of the samples, or None.
        """
        if class_weight is None:
            return dataclasses.replace(self, class_weights=None), weights
        by_class = None
        if self.columns:
            factors = compute_sample_weight(class_weight, y)
        else:
            by_class = compute_class_weight(class_weight, classes=self.classes, y=column_or_1d(y))
            factors = by_class[np.searchsorted(self.classes, y)]
        targets = dataclasses.replace(self, class_weights=by_class)
        return targets, factors if weights is None else weights * factors

    def tensor(self, encoded: np.ndarray, dtype: torch.dtype) -> Tensor:
        """Encoded targets as the loss takes them."""
        if self.multiclass:
            return torch.from_numpy(encoded.argmax(1))
        return smoothed(torch.from_numpy(encoded).to(dtype), self.label_smoothing)

    def objective(self, part: Part) -> Objective:
        """The loss to minimise over a part of the data."""
        return classification(self.n_outputs, self.multiclass, self.label_smoothing)

    def score(self, predicted: np.ndarray, part: Part) -> float:
        """The accuracy of predictions for a part of the data; of several labels, all have to be right."""
        if self.multiclass:
            hits = predicted.argmax(1) == part.encoded.argmax(1)
        else:
            hits = ((predicted > 0.5) == part.encoded).all(1)
        return float(np.average(hits, weights=part.weights))

    def decode(self, predicted: np.ndarray) -> np.ndarray:
        """The labels that predictions ``(n_samples, n_outputs)`` stand for."""
        if self.multiclass:
            return self.classes[predicted.argmax(1)]
        if self.n_outputs == 1:
            return self.classes[np.minimum(predicted.ravel() > 0.5, len(self.classes) - 1)]
        return self.binarizer.inverse_transform(predicted)

    def probabilities(self, predicted: np.ndarray) -> np.ndarray:
        """The probability of each class as they occur, ``(n_samples, n_classes)``."""
        if self.n_outputs == 1:
            predicted = np.hstack([1 - predicted, predicted])
        return without_class_weights(predicted, self.class_weights)


Targets = NumberTargets | ClassTargets


def r2(expected: np.ndarray, predicted: np.ndarray, weights: np.ndarray | None) -> float:
    """scikit-learn's `r2_score` of finite numbers ``(n_samples, n_outputs)``, without its checks.

    These take most of its time, in each epoch of a small table.
    """
    if len(expected) < 2:
        return float(r2_score(expected, predicted, sample_weight=weights))  # which warns
    residual = np.average((expected - predicted) ** 2, axis=0, weights=weights)
    spread = np.average(
        (expected - np.average(expected, axis=0, weights=weights)) ** 2, axis=0, weights=weights
    )
    constant = spread == 0
    scores = 1 - residual / np.where(constant, 1.0, spread)
    return float(np.where(constant, residual == 0, scores).mean())


def _sortable(y: np.ndarray) -> bool:
    """True for one column of integers or words, which are labels whatever their values."""
    return y.ndim == 1 and y.dtype.kind in "biuU"


def expect_as_before(targets: Targets, y: np.ndarray, exactly: bool = False) -> None:
    """Refuse targets of another shape or with other labels than those before.

    Args:
        targets: those before.
        y: labels or numbers.
        exactly: true to refuse also fewer labels.
    """
    if y.shape[1:] != targets.columns:
        expected, got = (
            f"{columns[0]} columns" if columns else "one" for columns in (targets.columns, y.shape[1:])
        )
        raise InputError(f"y: expected targets of {expected} as before, got {got}")
    if isinstance(targets, ClassTargets):
        targets.expect_labels(y, exactly)


def without_class_weights(probabilities: np.ndarray, class_weights: np.ndarray | None) -> np.ndarray:
    """Probabilities of the classes as they occur, of those that training has seen as their weights say.

    Args:
        probabilities: ``(n_samples, n_classes)``.
        class_weights: of the classes in training, ``(n_classes,)``; None if they counted alike.
    """
    if class_weights is None:
        return probabilities
    weights = class_weights.astype(probabilities.dtype)
    unweighted = np.where(weights > 0, probabilities, 0.0) / np.where(weights > 0, weights, 1.0)
    return unweighted / unweighted.sum(1, keepdims=True)
