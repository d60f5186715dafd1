"""Metrics of predicted classes, as scikit-learn defines them."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.errors import InputError
from plaingrad.parameter import shape

TOP = 2  # the k of top_k_accuracy, as scikit-learn's default


def accuracy(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of samples whose class is predicted.

    Args:
        prediction: a column of scores per class, ``(n, classes, ...)``; or a single column, ``(n,)`` or
            ``(n, 1)``.
        target: class indices ``(n, ...)``, or one row of scores per sample as in ``prediction`` (one-hot, for
            instance). For a single column of predictions: labels 0 and 1, or -1 and 1.
        threshold: for a single column, the value above which it means the second class: 0.5 for a
            probability, 0 for a logit.
    """
    predicted, actual = classes("accuracy", prediction, target, threshold)
    return (predicted == actual).double().mean()


def error(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of samples whose class is not predicted; arguments as for `accuracy`."""
    predicted, actual = classes("error", prediction, target, threshold)
    return (predicted != actual).double().mean()


def precision(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of the samples predicted as a class that are of this class.

    Of two classes it is that of the second (scikit-learn's "binary"); of more the mean over the classes that
    occur among predictions or targets ("macro"). A class that is never predicted has 0. Arguments as for
    `accuracy`.
    """
    hits, predicted, _ = _counts("precision", prediction, target, threshold)
    return (hits / predicted.clamp(min=1)).mean()


def recall(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The fraction of a class's samples that are predicted as such; classes as for `precision`."""
    hits, _, actual = _counts("recall", prediction, target, threshold)
    return (hits / actual.clamp(min=1)).mean()


def f1(prediction: Tensor, target: Tensor, threshold: float = 0.5) -> Tensor:
    """The harmonic mean of precision and recall of a class; classes as for `precision`."""
    hits, predicted, actual = _counts("f1", prediction, target, threshold)
    return (2 * hits / (predicted + actual).clamp(min=1)).mean()


def roc_auc(prediction: Tensor, target: Tensor) -> Tensor:
    """The area under the curve of true positives over false positives.

    Of two classes it is that of the second; of more the mean over the classes, each against all others
    (scikit-learn's ``multi_class="ovr"``), for which the prediction should be probabilities. NaN if a class
    has all the samples or none. Arguments as for `accuracy`.
    """
    _, actual = classes("roc_auc", prediction, target, 0.5)
    if prediction.ndim < 2 or prediction.shape[1] < 2:
        return _area(prediction.reshape(-1), actual)
    columns = prediction.movedim(1, -1).reshape(-1, prediction.shape[1])
    if columns.shape[1] == 2:
        return _area(columns[:, 1] - columns[:, 0], actual == 1)
    areas = [_area(column, actual.reshape(-1) == k) for k, column in enumerate(columns.T)]
    return torch.stack(areas).mean()


def top_k_accuracy(prediction: Tensor, target: Tensor) -> Tensor:
    """The fraction of samples whose class has one of the two highest scores; arguments as for `accuracy`."""
    _, actual = classes("top_k_accuracy", prediction, target, 0.5)
    if prediction.ndim < 2 or prediction.shape[1] < 2:
        return torch.ones((), dtype=torch.float64)  # of two classes both
    best = prediction.argsort(dim=1, stable=True).flip(1)[:, :TOP]
    return (best == actual.unsqueeze(1)).any(1).double().mean()


def classes(name: str, prediction: Tensor, target: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    """The predicted and the actual class of each sample.

    Raises:
        InputError: there is not a class for each prediction.
    """
    if prediction.ndim > 1 and prediction.shape[1] > 1:
        predicted = prediction.argmax(1)
        actual = target.argmax(1) if target.shape == prediction.shape else target
    else:
        predicted = prediction.reshape(-1) > threshold
        actual = target.reshape(-1) > 0.5
    if predicted.shape != actual.shape:
        expected = f"a class or a row of scores for each prediction of {shape(prediction)}"
        raise InputError(f"{name}: expected {expected}, got targets {shape(target)}")
    return predicted, actual


def _counts(name: str, prediction: Tensor, target: Tensor, threshold: float) -> tuple[Tensor, Tensor, Tensor]:
    """For each class that counts, the samples predicted rightly, those predicted, and those there are."""
    predicted, actual = (each.reshape(-1) for each in classes(name, prediction, target, threshold))
    is_binary = prediction.ndim < 2 or prediction.shape[1] <= 2
    counted = torch.ones(1).to(actual) if is_binary else torch.cat([predicted, actual.long()]).unique()
    of_class = [each == counted.unsqueeze(1) for each in (predicted, actual)]
    hits = of_class[0] & of_class[1]
    return tuple(each.double().sum(1) for each in (hits, *of_class))  # type: ignore[return-value]


def _area(scores: Tensor, positive: Tensor) -> Tensor:
    """The area under the curve by ranks, those of equal scores being their mean (Mann and Whitney)."""
    _, index, counts = scores.reshape(-1).unique(return_inverse=True, return_counts=True)
    ranks = (counts.cumsum(0) - (counts - 1) / 2).double()[index]
    positives = positive.reshape(-1)
    first = positives.double().sum()
    pairs = first * (len(positives) - first)
    return (ranks[positives].sum() - first * (first + 1) / 2) / pairs
