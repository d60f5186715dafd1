"""The base class of losses over classes: targets as weights on the classes."""

from __future__ import annotations

import torch
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import widen
from plaingrad.nn.loss.reduction import Loss, total, within
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
    ignore_index: int | None

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        self.weight = Buffer(weight) if weight is not None else None
        self.ignore_index = ignore_index

    @property
    def ignored(self) -> int:
        """The index that counts for nothing: -100 without an ``ignore_index``."""
        return -100 if self.ignore_index is None else self.ignore_index

    def class_axis(self, prediction: Tensor) -> int:
        """The axis of the classes, after a check of the scores.

        Raises:
            ModuleError: the scores have no axis, or are not floating-point.
        """
        if prediction.ndim == 0 or not prediction.is_floating_point():
            raise ModuleError(
                self,
                "expected a floating-point prediction (N, C, ...) or (C,), "
                f"got {shape(prediction)} of {prediction.dtype}",
            )
        return min(1, prediction.ndim - 1)

    def class_weight(self, prediction: Tensor, axis: int) -> Tensor | None:
        """The weight of each class, widened, after a check against the prediction; None without weights.

        Raises:
            ModuleError: there are more or fewer classes, or the dtypes differ.
        """
        if self.weight is None:
            return None
        weight = self.weight.value
        if weight.shape != prediction.shape[axis : axis + 1] or weight.dtype != prediction.dtype:
            expected = f"weight ({prediction.shape[axis]},) of {prediction.dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(weight)} of {weight.dtype}")
        return widen(weight)

    def indices(self, prediction: Tensor, target: Tensor, axis: int) -> tuple[Tensor, Tensor | None]:
        """The index of each target's class, and its weight: 0 for an ignored target; None if all are 1.

        Both are shaped as a prediction with a single class, or with none if the prediction has none.

        Raises:
            ModuleError: the targets do not fit the prediction, or one is no class.
        """
        expected = prediction.shape[:axis] + prediction.shape[axis + 1 :]
        if target.shape != expected or target.dtype != torch.int64:
            raise ModuleError(
                self,
                f"expected class indices {tuple(expected)} of torch.int64 "
                f"for a prediction {shape(prediction)}, got {shape(target)} of {target.dtype}",
            )
        last = prediction.shape[axis] - 1
        index, kept = target.unsqueeze(axis), None
        if 0 <= self.ignored <= last or not within(target, 0, last):
            mask = target != self.ignored
            if last < 0 and mask.any():
                raise ModuleError(
                    self, f"expected targets that are all ignored, for no classes, got {shape(target)}"
                )
            self.expect_within("class index", target * mask, 0, max(last, 0))
            index, kept = index * mask.unsqueeze(axis), widen(mask.unsqueeze(axis).to(prediction.dtype))
            if last < 0:  # no class has an index
                index, kept = index.narrow(axis, 0, 0), kept.narrow(axis, 0, 0)
        weight = self.class_weight(prediction, axis)
        if weight is None:
            return index, kept
        of_target = weight[index]
        return index, of_target if kept is None else of_target * kept

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each target's class, none for one that is ignored; one for class probabilities."""
        axis = self.class_axis(prediction)
        if target.is_floating_point():
            return prediction.new_ones(prediction.shape[:axis] + prediction.shape[axis + 1 :])
        index, weight = self.indices(prediction, target, axis)
        return (torch.ones_like(index, dtype=prediction.dtype) if weight is None else weight).sum(axis)

    def upstream(self, dloss: Tensor | None, count: int | float) -> Tensor | float:
        """The gradient that reaches each sample, as in `Loss`, with an axis for the classes."""
        if dloss is not None and self.reduction == "none":
            dloss = dloss.unsqueeze(min(1, dloss.ndim))
        return super().upstream(dloss, count)


def sum_of(weight: Tensor | None, index: Tensor) -> int | float:
    """The sum of the targets' weights, the divisor of a mean."""
    return index.numel() if weight is None else total(weight)


def sum_along(axis: int, x: Tensor) -> Tensor:
    """The sum along an axis; of a single element that element itself, which takes less time."""
    return x.squeeze(axis) if x.shape[axis] == 1 else x.sum(axis)
