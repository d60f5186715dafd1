"""What losses share: how the losses of single elements become one number."""

from __future__ import annotations

from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.parameter import shape


class Loss(Module):
    """A module that compares a prediction with a target, element by element, and reduces.

    ``forward(prediction, target)`` gives the reduced loss; ``backward()`` the gradient with respect to the
    prediction. A subclass computes the losses of the elements and their derivatives; `reduce` and
    `upstream` do the rest.

    Args:
        reduction: ``"mean"`` or ``"sum"`` over all elements, or ``"none"`` to keep them apart.
    """

    def __init__(self, reduction: str = "mean") -> None:
        if reduction not in ("mean", "sum", "none"):
            raise ModuleError(self, f"expected reduction 'mean', 'sum' or 'none', got {reduction!r}")
        self.reduction = reduction

    def expect_alike(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse a target that differs from the prediction in shape or dtype."""
        if prediction.shape != target.shape or prediction.dtype != target.dtype:
            expected = f"target {shape(prediction)} of {prediction.dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(target)} of {target.dtype}")

    def reduce(self, losses: Tensor) -> Tensor:
        """The losses of the elements, reduced as asked."""
        if self.reduction == "none":
            return losses
        return losses.mean() if self.reduction == "mean" else losses.sum()

    def upstream(self, dloss: Tensor | None, count: int) -> Tensor | float:
        """The gradient that reaches each of ``count`` elements through the reduction.

        Args:
            dloss: the gradient with respect to what forward returned; None stands for 1.
            count: the number of elements that the mean was taken over.
        """
        share = 1 / count if self.reduction == "mean" else 1.0
        return share if dloss is None else dloss * share
