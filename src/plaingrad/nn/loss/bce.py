"""Losses for yes-or-no targets: the cross entropy of a probability or of its logit."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss
from plaingrad.parameter import Buffer, shape


class BinaryLoss(Loss):
    """A loss whose elements can be weighted."""

    def weigh(self, x: Tensor, weight: Buffer | None, dtype: torch.dtype, name: str = "weight") -> Tensor:
        """``x`` times the weight of this dtype, spread over its shape; ``x`` itself if there is none."""
        if weight is None:
            return x
        value = weight.value
        try:
            spread = value.expand(x.shape)
        except RuntimeError:
            spread = None
        if spread is None or value.dtype != dtype:
            expected = f"{name} that spreads over {shape(x)}, of {dtype} as the prediction"
            raise ModuleError(self, f"expected {expected}, got {shape(value)} of {value.dtype}")
        return x * widen(spread)


class BCELoss(BinaryLoss):
    r"""The binary cross entropy of probabilities.

    .. math::
        \ell &= -\frac{1}{n} \sum_i w_i \big(t_i \log p_i + (1 - t_i) \log(1 - p_i)\big),
            \qquad \log \text{ not below } -100 \\
        \frac{\partial \ell}{\partial p_i} &= \frac{w_i}{n} \frac{p_i - t_i}{\max(p_i (1 - p_i), 10^{-12})}

    The two limits keep loss and gradient finite at p = 0 and p = 1. `BCEWithLogitsLoss` needs none.

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        weight: a constant factor for each element; any shape that spreads over the prediction's.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, are integers, or lie outside 0..1; or
            the weight does not spread over them.

    Source: D. Cox, "The regression analysis of binary sequences", 1958.
    """

    weight: Buffer | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.weight = Buffer(weight) if weight is not None else None

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        self.expect_within("prediction", prediction, 0, 1)
        self.expect_within("target", target, 0, 1)
        p, t, dtype = widen(prediction), widen(target), prediction.dtype
        log_yes = p.log().clamp(min=-100)
        log_no = (-p).log1p().clamp(min=-100)
        losses = self.weigh((t - 1) * log_no - t * log_yes, self.weight, dtype)
        loss = self.rounded(self.reduce(losses), dtype)
        self.save((p, t, dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        p, t, dtype = self.restore(dloss)
        slope = (p - t) / (p * (1 - p)).clamp(min=1e-12) * self.upstream(dloss, p.numel())
        return narrow(self.weigh(slope, self.weight, dtype), dtype)


class BCEWithLogitsLoss(BinaryLoss):
    r"""The binary cross entropy of logits x, whose probabilities are sigmoid(x).

    With the pull c t towards yes and 1 - t towards no, where c is ``pos_weight``:

    .. math::
        \operatorname{softplus}(x) &= \log(1 + e^x) = -\log(1 - \sigma(x)) \\
        \ell &= \frac{1}{n} \sum_i w_i
            \big(c_i t_i \operatorname{softplus}(-x_i) + (1 - t_i) \operatorname{softplus}(x_i)\big) \\
        \frac{\partial \ell}{\partial x_i} &= \frac{w_i}{n}
            \big((c_i t_i + 1 - t_i)\, \sigma(x_i) - c_i t_i\big)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        weight: a constant factor for each element; any shape that spreads over the prediction's.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.
        pos_weight: a constant factor for the part of yes; above 1 it trades precision for recall. Any shape
            that spreads over the prediction's, such as one number for each column.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, or are integers; or a weight does not
            spread over them.

    Source: D. Cox, "The regression analysis of binary sequences", 1958.
    """

    weight: Buffer | None
    pos_weight: Buffer | None

    def __init__(
        self, weight: Tensor | None = None, reduction: str = "mean", pos_weight: Tensor | None = None
    ) -> None:
        super().__init__(reduction)
        self.weight = Buffer(weight) if weight is not None else None
        self.pos_weight = Buffer(pos_weight) if pos_weight is not None else None

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        x, t, dtype = widen(prediction), widen(target), prediction.dtype
        zero = torch.zeros_like(x)
        yes, no = self.weigh(t, self.pos_weight, dtype, "pos_weight"), 1 - t
        losses = yes * torch.logaddexp(zero, -x) + no * torch.logaddexp(zero, x)
        loss = self.rounded(self.reduce(self.weigh(losses, self.weight, dtype)), dtype)
        self.save((x, yes, 1.0 if self.pos_weight is None else yes + no, dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        x, yes, pull, dtype = self.restore(dloss)
        slope = pull * x.sigmoid() - yes
        return narrow(self.weigh(slope * self.upstream(dloss, slope.numel()), self.weight, dtype), dtype)
