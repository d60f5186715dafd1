"""The losses that the kernels know."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from plaingrad import nn
from plaingrad.data import Dataset
from plaingrad.native.lower.source import Source, refuse, sizes
from plaingrad.nn import Loss


class LoweredLoss(NamedTuple):
    """A loss as the generated source names it, and the numbers it reads when a run begins."""

    type: str
    numbers: list[float]


def lower_loss(loss: Loss, data: Dataset, columns: int, source: Source) -> LoweredLoss:
    """The C++ type of a loss over predictions with so many columns.

    Raises:
        NotLoweredError: the kernels do not know it, or not with such targets.
    """
    mean = str(loss.reduction == "mean").lower()
    if type(loss) in CLASS_LOSSES:
        return of_classes(loss, data, columns, mean, source)
    known = LOSSES.get(type(loss))
    if known is None:
        raise refuse(loss)
    if not data.targets.is_floating_point() or math.prod(data.targets.shape[1:]) != columns:
        raise refuse(loss, f"targets of shape {tuple(data.targets.shape)} are not among what it knows")
    source.headers.add("loss/loss.hpp")
    errors, numbers = known(loss, columns, source)
    named = sizes("ElementLossSizes", columns=columns, mean=mean)
    return LoweredLoss(source.instance("ElementLoss", "Setting", named, errors), numbers)


def of_classes(loss: Any, data: Dataset, columns: int, mean: str, source: Source) -> LoweredLoss:
    """A loss over classes, with class indices as targets."""
    if data.targets.is_floating_point() or data.targets.ndim != 1:
        raise refuse(loss, "targets other than one class index for each sample are not among what it knows")
    source.headers.add("loss/classes.hpp")
    logits = type(loss) is nn.CrossEntropyLoss
    numbers = {"smoothing": float(loss.label_smoothing) if logits else 0.0, "ignored": loss.ignored}
    weights = [1.0] * columns if loss.weight is None else loss.weight.value.tolist()
    named = sizes("ClassLossSizes", classes=columns, logits=str(logits).lower(), mean=mean)
    return LoweredLoss(source.instance("ClassLoss", "Setting", named, source.numbers(numbers)), weights)


Errors = tuple[str, list[float]]  # a C++ type, and the numbers it reads


def alike(error: str, *constants: str) -> Callable[[Any, int, Source], Errors]:
    """A lowering for a loss whose error is the same in every column, with these constants."""

    def lowered(loss: Any, columns: int, source: Source) -> Errors:
        values = {name: getattr(loss, name) for name in constants}
        numbers = {name: value if isinstance(value, bool) else float(value) for name, value in values.items()}
        arguments = [source.numbers(numbers)] if numbers else []
        return f"SameForAllColumns<{source.instance(error, *arguments)}>", []

    return lowered


def quantiles(loss: nn.QuantileLoss, columns: int, source: Source) -> Errors:
    """One for each column, or the same for all."""
    values = loss.quantile if isinstance(loss.quantile, tuple) else (loss.quantile,) * columns
    return f"QuantileErrors<Setting::T, {columns}>", [*values]


def binary(loss: nn.BCELoss, columns: int, source: Source) -> Errors:
    """The cross entropy of probabilities."""
    return weighed(loss, columns, "SameForAllColumns<BinaryError>", [])


def binary_of_logits(loss: nn.BCEWithLogitsLoss, columns: int, source: Source) -> Errors:
    """The cross entropy of logits."""
    numbers = by_column(loss, "pos_weight", columns)
    return weighed(loss, columns, f"BinaryErrorsOfLogits<Setting::T, {columns}>", numbers)


def weighed(
    loss: nn.BCELoss | nn.BCEWithLogitsLoss, columns: int, errors: str, numbers: list[float]
) -> Errors:
    """These errors times the loss's weights, if it has any."""
    if loss.weight is None:
        return errors, numbers
    return f"Weighted<Setting::T, {columns}, {errors}>", by_column(loss, "weight", columns) + numbers


def by_column(loss: Loss, name: str, columns: int) -> list[float]:
    """A number for each column: from the loss's buffer of this name, or else 1."""
    buffer = getattr(loss, name)
    if buffer is None:
        return [1.0] * columns
    value = buffer.value
    if value.numel() == 1:
        return [float(value)] * columns
    if value.numel() != columns or value.shape[-1] != columns:
        raise refuse(loss, f"a {name} of shape {tuple(value.shape)} is not among what it knows")
    return value.flatten().tolist()


LOSSES: dict[type[Loss], Callable[[Any, int, Source], Errors]] = {
    nn.MSELoss: alike("SquaredError"),
    nn.L1Loss: alike("AbsoluteError"),
    nn.HuberLoss: alike("HuberError", "delta"),
    nn.SmoothL1Loss: alike("SmoothError", "beta"),
    nn.PoissonNLLLoss: alike("PoissonError", "log_input", "full", "eps"),
    nn.QuantileLoss: quantiles,
    nn.BCELoss: binary,
    nn.BCEWithLogitsLoss: binary_of_logits,
}
CLASS_LOSSES = (nn.CrossEntropyLoss, nn.NLLLoss)
