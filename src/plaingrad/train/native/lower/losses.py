"""The losses that the kernels know."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from plaingrad import nn
from plaingrad.data import Dataset
from plaingrad.nn import Loss
from plaingrad.nn.loss.classes import ClassLoss
from plaingrad.train.native.lower.source import NotLoweredError, Source, refuse


class LoweredLoss(NamedTuple):
    """A loss as the generated source names it, and the numbers it reads when a run begins."""

    type: str
    numbers: list[float]


def lower_loss(loss: Loss, data: Dataset, columns: int, source: Source) -> LoweredLoss:
    """The C++ type of a loss over predictions with so many columns.

    Raises:
        NotLoweredError: the kernels do not know it, or not with such targets.
    """
    known = LOSSES.get(type(loss))
    if known is None:
        raise refuse(loss)
    mean = str(loss.reduction == "mean").lower()
    if isinstance(loss, ClassLoss):
        return of_classes(loss, data, columns, mean, source)
    if not data.targets.is_floating_point() or math.prod(data.targets.shape[1:]) != columns:
        raise refuse(loss, f"targets of shape {tuple(data.targets.shape)} are not among what it knows")
    source.headers.add("loss.hpp")
    return LoweredLoss(source.instance("OfElements", "Setting", columns, known(loss, source), mean), [])


def of_classes(loss: Any, data: Dataset, columns: int, mean: str, source: Source) -> LoweredLoss:
    """A loss over classes, with class indices as targets."""
    if data.targets.is_floating_point() or data.targets.ndim != 1:
        raise refuse(loss, "targets other than one class index for each sample are not among what it knows")
    source.headers.add("classes.hpp")
    logits = type(loss) is nn.CrossEntropyLoss
    numbers = {"smoothing": float(loss.label_smoothing) if logits else 0.0, "ignored": loss.ignore_index}
    weights = [1.0] * columns if loss.weight is None else loss.weight.value.tolist()
    arguments = ["Setting", columns, source.numbers(numbers), str(logits).lower(), mean]
    return LoweredLoss(source.instance("OfClasses", *arguments), weights)


def binary(loss: nn.BCELoss, source: Source) -> str:
    """The cross entropy of probabilities."""
    if loss.weight is not None:
        raise refuse(loss, "a weight for each element is not among what it knows")
    return "BinaryError"


def binary_of_logits(loss: nn.BCEWithLogitsLoss, source: Source) -> str:
    """The cross entropy of logits."""
    if loss.weight is not None:
        raise refuse(loss, "a weight for each element is not among what it knows")
    scale = 1.0
    if loss.pos_weight is not None:
        if loss.pos_weight.value.numel() != 1:
            raise NotLoweredError("BCEWithLogitsLoss with a pos_weight for each column")
        scale = float(loss.pos_weight.value)
    return source.instance("BinaryErrorOfLogits", source.numbers({"pos_weight": scale}))


LOSSES: dict[type[Loss], Callable[[Any, Source], str]] = {
    nn.MSELoss: lambda loss, source: "SquaredError",
    nn.L1Loss: lambda loss, source: "AbsoluteError",
    nn.HuberLoss: lambda loss, source: f"HuberError<{source.numbers({'delta': float(loss.delta)})}>",
    nn.SmoothL1Loss: lambda loss, source: f"SmoothError<{source.numbers({'beta': float(loss.beta)})}>",
    nn.BCELoss: binary,
    nn.BCEWithLogitsLoss: binary_of_logits,
    nn.CrossEntropyLoss: lambda loss, source: "",
    nn.NLLLoss: lambda loss, source: "",
}
