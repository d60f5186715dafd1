"""What losses over classes share: targets as weights on the classes."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.loss.reduction import Loss, within
from plaingrad.parameter import Buffer, shape


class ClassLoss(Loss):
    """A loss between scores for each class and a class index for each sample.

    The classes lie along axis 1, or along axis 0 if there is no batch.

    Args:
        weight: a constant factor for each class, shape ``(classes,)``.
        ignore_index: targets with this value count for nothing.
        reduction: ``"mean"`` weighted by class, ``"sum"``, or ``"none"``.
    """

    weight: Buffer | None

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = Buffer(weight) if weight is not None else None
        self.ignore_index = ignore_index

    def class_axis(self, prediction: Tensor) -> int:
        """The axis of the classes, once the scores are known to have one."""
        if prediction.ndim == 0 or not prediction.is_floating_point():
            raise ModuleError(
                self,
                "expected a floating-point prediction (N, C, ...) or (C,), "
                f"got {shape(prediction)} of {prediction.dtype}",
            )
        return min(1, prediction.ndim - 1)

    def one_hot(self, prediction: Tensor, target: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """A one at each target's class and zeros elsewhere, for each class; and a 1 for each target kept.

        The first is shaped as the prediction, the second as a prediction with a single class. A target that
        is ignored has no one in the first, and 0 in the second.
        """
        expected = prediction.shape[:axis] + prediction.shape[axis + 1 :]
        if target.shape != expected or target.dtype != torch.int64:
            raise ModuleError(
                self,
                f"expected class indices {tuple(expected)} of torch.int64 "
                f"for a prediction {shape(prediction)}, got {shape(target)} of {target.dtype}",
            )
        last = prediction.shape[axis] - 1
        index, ones = target, torch.ones_like(target, dtype=prediction.dtype)
        if 0 <= self.ignore_index <= last or not within(target, 0, last):
            kept = target != self.ignore_index
            index, ones = target * kept, ones * kept
            self.expect_within("class index", index, 0, last)
        ones = ones.unsqueeze(axis)
        return torch.zeros_like(prediction).scatter_(axis, index.unsqueeze(axis), ones), ones

    def weigh_classes(self, x: Tensor, axis: int) -> Tensor:
        """``x`` times the weight of each class, or ``x`` itself if there are no weights."""
        if self.weight is None:
            return x
        weight = self.weight.value
        if weight.shape != x.shape[axis : axis + 1] or weight.dtype != x.dtype:
            expected = f"weight ({x.shape[axis]},) of {x.dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(weight)} of {weight.dtype}")
        return x * weight.view([-1] + [1] * (x.ndim - axis - 1))

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each target's class, none for one that is ignored; one for class probabilities."""
        axis = self.class_axis(prediction)
        if target.is_floating_point():
            return torch.ones_like(prediction.select(axis, 0))
        return self.weigh_classes(self.one_hot(prediction, target, axis)[0], axis).sum(axis)

    def upstream(self, dloss: Tensor | None, count: int | float) -> Tensor | float:
        """As in `Loss`, for each sample; with an axis for the classes where there is one for samples."""
        if dloss is not None and self.reduction == "none":
            dloss = dloss.unsqueeze(min(1, dloss.ndim))
        return super().upstream(dloss, count)


def cross_entropy(mass: Tensor, log_p: Tensor, axis: int) -> Tensor:
    """The sum of -mass * log_p over the classes, where 0 * -inf is 0."""
    return -(mass * torch.where(mass.bool(), log_p, mass)).sum(axis)
