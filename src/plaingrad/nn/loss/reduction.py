"""The base classes of losses: the reduction of the elements' losses, and checks of their inputs."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ClassVar, overload

import torch
from torch import Tensor

from plaingrad.contract.recording import answer_backward
from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.parameter import shape


class Reduction(Module):
    """A module that computes a loss for each element of a batch, and reduces them.

    A subclass computes the losses of the elements and their derivatives; `reduce` and `upstream` do the rest,
    and `rounded` does for one that computes in single precision on half-precision inputs. Its backward
    returns a gradient for each of the arguments that it names in ``differentiable``.

    Args:
        reduction: ``"mean"`` or ``"sum"`` over all elements, or ``"none"`` for no reduction.

    Attributes:
        reductions: the reductions that the class has.

    Raises:
        ModuleError: the reduction is none of these.
    """

    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")
    _is_unreduced = False

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in self.reductions:
            *others, last = map(repr, self.reductions)
            raise ModuleError(self, f"expected reduction {', '.join(others)} or {last}, got {reduction!r}")
        self.reduction = reduction

    @property
    def is_mean(self) -> bool:
        """True if the loss of a batch does not grow with the batch."""
        return self.reduction.endswith("mean")

    def expect_alike(
        self, x: Tensor, other: Tensor, names: tuple[str, str] = ("prediction", "target")
    ) -> None:
        """Refuse integers, and a tensor that differs from another one in shape or dtype.

        Raises:
            ModuleError: that is so; the message calls the two by their names.
        """
        if not x.is_floating_point():
            raise ModuleError(self, f"expected a floating-point {names[0]}, got {x.dtype}")
        if x.shape != other.shape or x.dtype != other.dtype:
            expected = f"{names[1]} {shape(x)} of {x.dtype} as the {names[0]}"
            raise ModuleError(self, f"expected {expected}, got {shape(other)} of {other.dtype}")

    def labels(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Targets such as 1 and -1, widened: numbers of the prediction's dtype, or integers.

        Raises:
            ModuleError: the prediction is of integers; or the target has another shape or dtype.
        """
        is_whole = not (target.is_floating_point() or target.is_complex())
        self.expect_alike(prediction, target.to(prediction.dtype) if is_whole else target)
        return widen(target.to(prediction.dtype))

    def expect_within(self, name: str, x: Tensor, low: int | float, high: int | float) -> None:
        """Refuse values outside ``low..high``, NaN among them.

        Raises:
            ModuleError: there is one; the message names the first.
        """
        if not within(x, low, high):
            index = (~((x >= low) & (x <= high))).nonzero()[0].tolist()
            at = f" at {index}" if index else ""
            raise ModuleError(self, f"expected {name} in {low}..{high}, got {x[tuple(index)].item()}{at}")

    def reduce(self, losses: Tensor, count: int | float | None = None) -> Tensor:
        """Reduce the losses of the elements.

        Args:
            losses: one loss per element; in single precision for predictions in half precision.
            count: the divisor of a mean, NaN if 0; None stands for the number of losses.
        """
        if self.reduction == "none":
            return losses
        if self.reduction == "sum":
            return losses.sum()
        if count is None or count == losses.numel():
            return losses.mean()
        return losses.sum() / (count or math.nan)

    def rounded(self, reduced: Tensor, dtype: torch.dtype) -> Tensor:
        """The result of `reduce` in the dtype of the prediction; unrounded within `unreduced`."""
        return reduced if self._is_unreduced else narrow(reduced, dtype)

    @contextmanager
    def unreduced(self) -> Iterator[None]:
        """Disable reduction and rounding, for callers that sum up the losses of the elements.

        In half precision a sum can overflow even if the losses and their mean are finite.
        """
        reduction, was_unreduced = self.reduction, self._is_unreduced
        self.reduction, vars(self)["_is_unreduced"] = "none", True
        try:
            yield
        finally:
            self.reduction = reduction
            if not was_unreduced:
                vars(self).pop("_is_unreduced", None)  # leaves the fields as they were

    def upstream(self, dloss: Tensor | None, count: int | float) -> Tensor | float:
        """The gradient that reaches each element through the reduction; 0 for a mean of no elements.

        Args:
            dloss: the gradient with respect to the output of forward; None stands for 1.
            count: the divisor of a mean.
        """
        share = 1.0
        if self.is_mean:
            share = 1 / count if count else 0.0
        return share if dloss is None else widen(dloss) * share


class Loss(Reduction):
    """A module that compares a prediction with a target, and reduces.

    ``forward(prediction, target)`` gives the reduced loss; ``backward()`` the gradient with respect to the
    prediction, or ``backward(dloss)`` for a loss inside something larger. These are the losses that networks
    are trained with by `fit`.

    Args:
        reduction: ``"mean"`` or ``"sum"`` over all elements, or ``"none"`` for no reduction.

    Raises:
        ModuleError: the reduction is none of these.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("prediction",)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return answer_backward(self.forward(*inputs, **options))

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each element's loss in a mean, whose divisor is their sum: 1 for each."""
        return torch.ones_like(prediction)

    def apart(self) -> AbstractContextManager[None]:
        """The deprecated name of `unreduced`."""
        warnings.warn("Loss.apart is unreduced now; refused from 0.4 on", DeprecationWarning, stacklevel=2)
        return self.unreduced()


@overload
def weighed(weight: Tensor, x: Tensor | float) -> Tensor: ...
@overload
def weighed(weight: Tensor | None, x: Tensor) -> Tensor: ...
def weighed(weight: Tensor | None, x: Any) -> Tensor:
    """``weight * x``, where 0 times anything is 0; None stands for a weight of 1."""
    return x if weight is None else (weight * x).masked_fill_(weight == 0, 0)


def total(x: Tensor) -> float:
    """The sum of all values, as a number."""
    return widen(x).sum().item()


def within(x: Tensor, low: int | float, high: int | float) -> bool:
    """True if all values lie in ``low..high``; NaN does not."""
    if not x.numel():
        return True
    least, greatest = x.aminmax()
    return low <= least.item() and greatest.item() <= high
