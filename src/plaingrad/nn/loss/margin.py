"""Losses for targets of 1 and -1: margins that a score, a distance or a difference should keep."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss, Reduction, weighed


class SoftMarginLoss(Loss):
    r"""The logistic loss of scores, whose sign says on which side they are.

    .. math::
        \ell = \frac{1}{n} \sum_i \log\big(1 + e^{-t_i x_i}\big), \qquad
        \frac{\partial \ell}{\partial x_i} = -\frac{t_i}{n}\, \sigma(-t_i x_i)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape; the prediction is of integers, or the target of
            another dtype that is none of integers.

    Source: D. Cox, "The regression analysis of binary sequences", 1958.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Num[Tensor, ...]) -> Float[Tensor, ...]:
        t, dtype = self.labels(prediction, target), prediction.dtype
        m = -t * widen(prediction)
        loss = self.rounded(self.reduce(torch.logaddexp(torch.zeros_like(m), m)), dtype)
        self.save((m, t, dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        m, t, dtype = self.restore(dloss)
        return narrow(-t * m.sigmoid() * self.upstream(dloss, m.numel()), dtype)


class HingeEmbeddingLoss(Loss):
    r"""The distances of pairs that belong together, and what those of other pairs fall short of a margin.

    .. math::
        \ell &= \frac{1}{n} \sum_i [t_i \neq -1]\, x_i + [t_i \neq 1]\, \max(0,\; \delta - x_i) \\
        \frac{\partial \ell}{\partial x_i} &= \frac{1}{n}
            \big([t_i \neq -1] - [t_i \neq 1][x_i \le \delta]\big)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        margin: the distance :math:`\delta` that pairs of target -1 should have.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape; the prediction is of integers, or the target of
            another dtype that is none of integers.

    Source: R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant mapping",
    2006.
    """

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(self, prediction: Float[Tensor, ...], target: Num[Tensor, ...]) -> Float[Tensor, ...]:
        t, x = self.labels(prediction, target), widen(prediction)
        near, far, short = t != -1, t != 1, self.margin - x
        zero = torch.zeros_like(x)
        losses = torch.where(near, x, zero) + torch.where(far, short.clamp(min=0), zero)
        slope = near.to(x.dtype) - (far & (short >= 0)).to(x.dtype)
        loss = self.rounded(self.reduce(losses), prediction.dtype)
        self.save((slope, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        slope, dtype = self.restore(dloss)
        return narrow(weighed(slope, self.upstream(dloss, slope.numel())), dtype)


class MarginRankingLoss(Reduction):
    r"""The margin by which one of two scores should exceed the other: the first for a target of 1.

    .. math::
        z_i &= \delta - t_i\, (x_i - y_i), \qquad \ell = \frac{1}{n} \sum_i \max(0, z_i) \\
        \frac{\partial \ell}{\partial x_i} &= -\frac{\partial \ell}{\partial y_i}
            = -\frac{t_i}{n}\, [z_i \ge 0]

    Shapes: both inputs and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        margin: the difference :math:`\delta` from which on there is no loss.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the inputs differ in shape or dtype, or are of integers; or the target differs in shape,
            or is of another dtype and none of integers.

    Source: R. Herbrich, T. Graepel, K. Obermayer, "Support vector learning for ordinal regression", 1999.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("input1", "input2")

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(
        self, input1: Float[Tensor, ...], input2: Float[Tensor, ...], target: Num[Tensor, ...]
    ) -> Float[Tensor, ...]:
        self.expect_alike(input1, input2, ("input1", "input2"))
        t, dtype = self.labels(input1, target), input1.dtype
        z = self.margin - t * (widen(input1) - widen(input2))
        loss = self.rounded(self.reduce(z.clamp(min=0)), dtype)
        self.save((z >= 0, t, dtype), loss)
        return loss

    def backward(
        self, dloss: Float[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
        falls_short, t, dtype = self.restore(dloss)
        dz = weighed(falls_short, self.upstream(dloss, t.numel()))
        dinput1 = narrow(-t * dz, dtype)
        return dinput1, -dinput1
