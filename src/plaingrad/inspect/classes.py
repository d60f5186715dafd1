"""Classes: of targets, and of what a network predicts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from plaingrad import nn
from plaingrad.data import Dataset
from plaingrad.module import Module
from plaingrad.train.last import ends_in
from plaingrad.train.metrics import LOSSES_OF_LOGITS


def with_classes(data: Dataset) -> Dataset | None:
    """The data with class indices as targets; None of data whose targets are no classes."""
    classes = class_indices(data.targets)
    if classes is None:
        return None
    names = data.class_names or (("-1", "1") if is_signed(data.targets) else ())
    return replace(data, targets=classes, class_names=names)


def class_indices(targets: Any) -> Tensor | None:
    """Class indices ``(n,)`` of targets that are classes; None of others.

    Classes are indices ``(n,)``, one-hot rows, or a single column of 0 and 1, or of -1 and 1, of any dtype.
    """
    if not isinstance(targets, Tensor):
        return None
    if targets.ndim == 1 and not targets.is_floating_point() and int(targets.min()) >= 0:
        return targets.long()
    if targets.ndim == 1 or targets.shape[1:] == (1,):
        column = targets.reshape(-1)
        lowest = -1 if is_signed(column) else 0
        return (column == 1).long() if bool(((column == lowest) | (column == 1)).all()) else None
    one_hot = targets.ndim == 2 and bool(((targets == 0) | (targets == 1)).all())
    return targets.argmax(1) if one_hot and bool((targets.sum(1) == 1).all()) else None


def is_signed(targets: Tensor) -> bool:
    """True for targets of -1 and 1, whatever else is negative."""
    return targets.dtype != torch.bool and bool((targets < 0).any())


def class_count(y: Any) -> int:
    """The number of classes among which outputs decide: two for a single column; 0 for other outputs."""
    if not isinstance(y, Tensor) or y.ndim not in (1, 2):
        return 0
    return y.shape[1] if y.ndim == 2 and y.shape[1] > 1 else 2


def predicted_classes(y: Tensor, threshold: float) -> Tensor:
    """The class of each sample: that of the largest output; of a single one the second above a threshold."""
    return y.argmax(1) if y.ndim == 2 and y.shape[1] > 1 else (y.reshape(-1) > threshold).long()


def threshold_of(model: Module, data: Dataset, loss: Any = None) -> float:
    """The value above which the only output of a network means the second class.

    It is 0 for logits and for targets -1 and 1, and 0.5 for probabilities and for targets 0 and 1.

    Args:
        model: the network, whose last module decides where the loss is not known.
        data: the samples, with targets as the loss gets them.
        loss: the one that it was trained with.
    """
    if type(loss).__name__ in LOSSES_OF_LOGITS or is_signed(data.targets):
        return 0.0
    return 0.5 if loss is not None or ends_in(model, (nn.Sigmoid, nn.Hardsigmoid), data) else 0.0
