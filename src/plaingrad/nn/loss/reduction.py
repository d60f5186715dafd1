"""What losses share: checks of their inputs, and how the losses of single elements become one number."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.parameter import shape


class Loss(Module):
    """A module that compares a prediction with a target, element by element, and reduces.

    ``forward(prediction, target)`` gives the reduced loss; ``backward()`` the gradient with respect to the
    prediction, or ``backward(dloss)`` for a loss inside something larger. A subclass computes the losses of
    the elements and their derivatives; `reduce` and `upstream` do the rest, and `rounded` for one that
    computes in single precision what it is given in half precision.

    Args:
        reduction: ``"mean"`` or ``"sum"`` over all elements, or ``"none"`` to keep them apart.

    Raises:
        ModuleError: the reduction is none of these.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("prediction",)
    _is_apart = False

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ModuleError(self, f"expected reduction 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction

    def expect_alike(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse integers, and a target that differs from the prediction in shape or dtype.

        Raises:
            ModuleError: that is so.
        """
        if not prediction.is_floating_point():
            raise ModuleError(self, f"expected a floating-point prediction, got {prediction.dtype}")
        if prediction.shape != target.shape or prediction.dtype != target.dtype:
            expected = f"target {shape(prediction)} of {prediction.dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(target)} of {target.dtype}")

    def expect_within(self, name: str, x: Tensor, low: int | float, high: int | float) -> None:
        """Refuse values outside ``low..high``, NaN among them.

        Raises:
            ModuleError: there is one; the message names the first.
        """
        if not within(x, low, high):
            place = (~((x >= low) & (x <= high))).nonzero()[0].tolist()
            at = f" at {place}" if place else ""
            raise ModuleError(self, f"expected {name} in {low}..{high}, got {x[tuple(place)].item()}{at}")

    def reduce(self, losses: Tensor, count: int | float | None = None) -> Tensor:
        """The losses of the elements, reduced as asked.

        Args:
            losses: one loss per element; in single precision for predictions in half precision.
            count: what a mean divides their sum by, NaN if 0; None stands for their number.
        """
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return losses.sum()
        if count is None or count == losses.numel():
            return losses.mean()
        return losses.sum() / (count or math.nan)

    def rounded(self, reduced: Tensor, dtype: torch.dtype) -> Tensor:
        """The result of `reduce` in the dtype of the prediction, unless whoever took it `apart` rounds it."""
        return reduced if self._is_apart else narrow(reduced, dtype)

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Keep the losses of the elements apart, and in single precision for a prediction in half precision.

        For whoever adds them up: of finite numbers whose mean is finite too, half precision makes infinities.
        """
        reduction, was_apart = self.reduction, self._is_apart
        self.reduction, vars(self)["_is_apart"] = "none", True
        try:
            yield
        finally:
            self.reduction = reduction
            if not was_apart:
                vars(self).pop("_is_apart", None)  # so that nothing has changed

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """What the loss of each element counts for in a mean, whose divisor is their sum: one for each."""
        return torch.ones_like(prediction)

    def upstream(self, dloss: Tensor | None, count: int | float) -> Tensor | float:
        """The gradient that reaches each element through the reduction; zero through a mean of nothing.

        Args:
            dloss: the gradient with respect to what forward returned; None stands for 1.
            count: what a mean divided by.
        """
        share = 1.0
        if self.reduction == "mean":
            share = 1 / count if count else 0.0
        return share if dloss is None else widen(dloss) * share


def weighed(weight: Tensor | None, x: Tensor) -> Tensor:
    """``weight * x``, where 0 times anything is 0; None stands for a weight of 1."""
    return x if weight is None else (weight * x).masked_fill_(weight == 0, 0)


def total(x: Tensor) -> float:
    """The sum of all values, as a number."""
    return widen(x).sum().item()


def within(x: Tensor, low: int | float, high: int | float) -> bool:
    """Whether all values lie in ``low..high``; NaN does not."""
    if not x.numel():
        return True
    least, greatest = x.aminmax()
    return low <= least.item() and greatest.item() <= high
