"""The loss of angles between pairs."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Reduction, weighed
from plaingrad.parameter import shape

EPSILON = 1e-12  # added to squared lengths


class CosineEmbeddingLoss(Reduction):
    r"""The cosine of the angle between two vectors: 1 for those that belong together, small for others.

    .. math::
        c &= \frac{x \cdot y}{\lVert x \rVert\, \lVert y \rVert}, \qquad
            \lVert x \rVert^2 = x \cdot x + 10^{-12} \\
        \ell &= \frac{1}{n} \sum [t = 1]\, (1 - c) + [t = -1]\, \max(0,\; c - \delta) \\
        \frac{\partial \ell}{\partial c} &= \frac{1}{n} \big([t = -1][c \ge \delta] - [t = 1]\big), \qquad
        \frac{\partial c}{\partial x} = \frac{y}{\lVert x \rVert\, \lVert y \rVert}
            - c\, \frac{x}{\lVert x \rVert^2}

    and likewise for y. Pairs of any other target count for nothing.

    Shapes: both inputs ``(batch, features)`` and target ``(batch,)``, or ``(features,)`` and ``()``; the
    result is a scalar, or as the target with ``reduction="none"``.

    Args:
        margin: the cosine :math:`\delta` that pairs of target -1 may have.
        reduction: ``"mean"`` over all n pairs, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the inputs differ in shape or dtype, or are of integers; or the target does not fit them.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("input1", "input2")

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.margin = margin

    def forward(
        self, input1: Float[Tensor, ...], input2: Float[Tensor, ...], target: Num[Tensor, ...]
    ) -> Float[Tensor, ...]:
        self.expect_alike(input1, input2, ("input1", "input2"))
        if input1.ndim not in (1, 2) or target.shape != input1.shape[:-1]:
            expected = "inputs (batch, features) and target (batch,), or (features,) and ()"
            raise ModuleError(self, f"expected {expected}, got {shape(input1)} and {shape(target)}")
        x, y = widen(input1), widen(input2)
        xx, yy = (((z * z).sum(-1, keepdim=True) + EPSILON) for z in (x, y))
        lengths = xx.sqrt() * yy.sqrt()
        cosine = (x * y).sum(-1, keepdim=True) / lengths
        t, excess, zero = target.unsqueeze(-1), cosine - self.margin, torch.zeros_like(cosine)
        losses = torch.where(t == 1, 1 - cosine, zero) + torch.where(t == -1, excess.clamp(min=0), zero)
        dcosine = ((t == -1) & (excess >= 0)).to(x.dtype) - (t == 1).to(x.dtype)
        loss = self.rounded(self.reduce(losses.squeeze(-1)), input1.dtype)
        self.save((x, y, xx, yy, lengths, cosine, dcosine, input1.dtype), loss)
        return loss

    def backward(
        self, dloss: Float[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
        x, y, xx, yy, lengths, cosine, dcosine, dtype = self.restore(dloss)
        if dloss is not None and self.reduction == "none":
            dloss = dloss.unsqueeze(-1)
        dcosine = weighed(dcosine, self.upstream(dloss, cosine.numel()))
        dx = dcosine * (y / lengths - cosine * x / xx)
        dy = dcosine * (x / lengths - cosine * y / yy)
        return narrow(dx, dtype), narrow(dy, dtype)
