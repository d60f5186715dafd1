"""Losses of whole rows of scores: the margin between those of the right classes and all others."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.bce import BinaryLoss
from plaingrad.nn.loss.reduction import Loss, weighed
from plaingrad.parameter import Buffer, shape


class RowLoss(Loss):
    """A loss with one number for each row of a prediction, whose last axis are the classes."""

    def rows(self, prediction: Tensor) -> Tensor:
        """The scores, widened, as a matrix with a row for each sample; one row if there is no batch.

        Raises:
            ModuleError: they are of integers, have more than two axes, or no classes.
        """
        if not prediction.is_floating_point() or prediction.ndim > 2 or 0 in prediction.shape[-1:]:
            expected = "a floating-point prediction (batch, classes) or (classes,), of at least one class"
            raise ModuleError(self, f"expected {expected}, got {shape(prediction)} of {prediction.dtype}")
        return widen(prediction).reshape(-1, prediction.shape[-1] if prediction.ndim else 1)

    def expect_classes(self, target: Tensor, sizes: tuple[torch.Size, ...], least: int, count: int) -> None:
        """Refuse targets that are not class indices of one of these shapes, from ``least`` to ``count`` - 1.

        Raises:
            ModuleError: that is so.
        """
        if target.shape not in sizes or target.dtype != torch.int64:
            expected = f"class indices {tuple(sizes[0])} of torch.int64"
            raise ModuleError(self, f"expected {expected}, got {shape(target)} of {target.dtype}")
        self.expect_within("class index", target, least, count - 1)

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each row's loss in a mean: 1 for each."""
        return prediction.new_ones(prediction.shape[:-1])

    def upstream(self, dloss: Tensor | None, count: int | float) -> Tensor | float:
        """The gradient that reaches each row, as in `Loss`, with an axis for the classes."""
        if dloss is not None and self.reduction == "none":
            dloss = dloss.unsqueeze(-1)
        return super().upstream(dloss, count)


class MultiMarginLoss(RowLoss):
    r"""The margin by which the score of the right class should exceed those of all others.

    With the target's class y of C, in each sample:

    .. math::
        z_c &= \max(0,\; \delta - x_y + x_c), \qquad
            \ell = \frac{1}{n} \sum \frac{w_y}{C} \sum_{c \neq y} z_c^p \\
        \frac{\partial \ell}{\partial x_c} &= \frac{w_y}{n C}\, p\, z_c^{p-1}\, [z_c > 0]
            \quad (c \neq y), \qquad
        \frac{\partial \ell}{\partial x_y} = -\sum_{c \neq y} \frac{\partial \ell}{\partial x_c}

    Shapes: prediction (scores) ``(batch, classes)`` and target ``(batch,)``; or ``(classes,)``, and ``()`` or
    ``(1,)``. The result is a scalar, or as the target with ``reduction="none"``.

    Args:
        p: the power of what a margin falls short of: 1 or 2.
        margin: the difference :math:`\delta` from which on there is no loss.
        weight: a constant factor for each class, shape ``(classes,)``.
        reduction: ``"mean"`` over all n samples, whatever their weights; ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: p is neither 1 nor 2; the shapes or dtypes do not fit; there are no classes, or an index
            lies outside them.

    Source: K. Crammer, Y. Singer, "On the algorithmic implementation of multiclass kernel-based vector
    machines", 2001.
    """

    weight: Buffer | None

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Tensor | None = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        if p not in (1, 2):
            raise ModuleError(self, f"expected p of 1 or 2, got {p}")
        if weight is not None and weight.ndim != 1:
            raise ModuleError(self, f"expected weight (classes,), got {shape(weight)}")
        self.p = p
        self.margin = margin
        self.weight = Buffer(weight) if weight is not None else None

    def forward(self, prediction: Float[Tensor, ...], target: Int[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.rows(prediction)
        one = (torch.Size([1]),) if prediction.ndim < 2 else ()
        self.expect_classes(target, (prediction.shape[:-1], *one), 0, x.shape[1])
        y = target.reshape(-1, 1)
        z = self.margin - x.gather(1, y) + x
        z = torch.where(z > 0, z, torch.zeros_like(z)).scatter_(1, y, 0)
        factor = self.factor(prediction, y, x.shape[1])
        slope = z.sign() if self.p == 1 else z
        losses = (slope * factor * z).sum(1, keepdim=True).view(target.shape)  # z squared might overflow
        loss = self.rounded(self.reduce(losses), prediction.dtype)
        self.save((slope, factor, y, prediction.shape, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        slope, factor, y, sizes, dtype = self.restore(dloss)
        dx = weighed(slope, self.p * factor * self.upstream(dloss, len(slope)))
        dx.scatter_(1, y, -dx.sum(1, keepdim=True))
        return narrow(dx, dtype).view(sizes)

    def factor(self, prediction: Tensor, y: Tensor, classes: int) -> Tensor | float:
        """The weight of each target's class, divided by the number of classes.

        Raises:
            ModuleError: there are more or fewer weights than classes, or the dtypes differ.
        """
        if self.weight is None:
            return 1 / classes
        weight = self.weight.value
        if weight.shape != (classes,) or weight.dtype != prediction.dtype:
            expected = f"weight ({classes},) of {prediction.dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(weight)} of {weight.dtype}")
        return widen(weight)[y] / classes


class MultiLabelMarginLoss(RowLoss):
    r"""The margin by which the scores of all right classes should exceed those of all others.

    With the set Y of a sample's right classes, among C, each as often as the target names it:

    .. math::
        z_{yc} &= \max(0,\; 1 - x_y + x_c), \qquad
            \ell = \frac{1}{n} \sum \frac{1}{C} \sum_{y \in Y} \sum_{c \notin Y} z_{yc} \\
        \frac{\partial \ell}{\partial x_c} &= \frac{1}{n C} \sum_{y \in Y} [z_{yc} > 0]
            \quad (c \notin Y), \qquad
        \frac{\partial \ell}{\partial x_y} = -\frac{1}{n C} \sum_{c \notin Y} [z_{yc} > 0]
            \quad (y \in Y)

    Shapes: prediction (scores) and target alike, ``(batch, classes)`` or ``(classes,)``: in each row of the
    target the indices of the right classes, and -1 from where there are no more. The result is a scalar, or
    ``(batch,)`` with ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n samples, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the shapes do not fit, there are no classes, the target is no int64, or an index lies
            outside the classes and is not -1.

    Source: K. Crammer, Y. Singer, "A family of additive online algorithms for category ranking", 2003.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Int[Tensor, ...]) -> Float[Tensor, ...]:
        x = self.rows(prediction)
        classes = x.shape[1]
        self.expect_classes(target, (prediction.shape,), -1, classes)
        y = target.reshape(x.shape)
        named = (y >= 0).cumprod(1)  # up to the first -1
        most = int(named.sum(1).amax()) if len(y) else 0
        y, named = (y * named)[:, :most], named[:, :most]
        is_right = torch.zeros_like(x).scatter_add_(1, y, named.to(x.dtype)) > 0
        z = 1 - x.gather(1, y).unsqueeze(2) + x.unsqueeze(1)  # (batch, right, classes)
        counts = (z > 0) & (named > 0).unsqueeze(2) & ~is_right.unsqueeze(1)
        losses = torch.where(counts, z, torch.zeros_like(z)).sum((1, 2)) / classes
        slope = counts.sum(1).scatter_add_(1, y, -counts.sum(2)).to(x.dtype) / classes
        loss = self.rounded(self.reduce(losses.view(prediction.shape[:-1])), prediction.dtype)
        self.save((slope, prediction.shape, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        slope, sizes, dtype = self.restore(dloss)
        return narrow(slope * self.upstream(dloss, len(slope)), dtype).view(sizes)


class MultiLabelSoftMarginLoss(RowLoss, BinaryLoss):
    r"""The binary cross entropy of logits x, averaged over the classes of each sample.

    .. math::
        \ell &= \frac{1}{nC} \sum_{ic} w_{ic} \big(t_{ic} \operatorname{softplus}(-x_{ic})
            + (1 - t_{ic}) \operatorname{softplus}(x_{ic})\big), \qquad
            \operatorname{softplus}(x) = \log(1 + e^x) \\
        \frac{\partial \ell}{\partial x_{ic}} &= \frac{w_{ic}}{nC} \big(\sigma(x_{ic}) - t_{ic}\big)

    Shapes: prediction and target alike, ``(*batch, classes)``; the result is a scalar, or ``(*batch,)`` with
    ``reduction="none"``.

    Args:
        weight: a constant factor for each class, shape ``(classes,)``, or any that spreads over the
            prediction's.
        reduction: ``"mean"`` over all n samples, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape or have no axis; the prediction is of integers, or
            the target of another dtype that is none of integers; or the weight does not spread over them.

    Source: D. Cox, "The regression analysis of binary sequences", 1958.
    """

    weight: Buffer | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = Buffer(weight) if weight is not None else None

    def forward(self, prediction: Float[Tensor, ...], target: Num[Tensor, ...]) -> Float[Tensor, ...]:
        x, t, dtype = widen(prediction), self.labels(prediction, target), prediction.dtype
        if x.ndim == 0:
            raise ModuleError(self, f"expected prediction (*, classes), got {shape(x)}")
        zero = torch.zeros_like(x)
        losses = t * torch.logaddexp(zero, -x) + (1 - t) * torch.logaddexp(zero, x)
        loss = self.rounded(self.reduce(self.weigh(losses, self.weight, dtype).mean(-1)), dtype)
        self.save((x, t, dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        x, t, dtype = self.restore(dloss)
        dlosses = self.upstream(dloss, x.shape[:-1].numel())
        slope = (x.sigmoid() - t) / max(x.shape[-1], 1)
        return narrow(self.weigh(slope * dlosses, self.weight, dtype), dtype)
