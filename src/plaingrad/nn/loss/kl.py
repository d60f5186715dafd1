"""The divergence between two distributions."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss, weighed


class KLDivLoss(Loss):
    r"""The Kullback-Leibler divergence from log-probabilities x to the target's probabilities q.

    .. math::
        \ell &= \frac{1}{n} \sum_i q_i\, (\log q_i - x_i), \qquad
            \frac{\partial \ell}{\partial x_i} = -\frac{q_i}{n} \\
        \frac{\partial \ell}{\partial q_i} &= \frac{1}{n} (\log q_i - x_i + 1), \qquad
            \frac{\partial \ell}{\partial \log q_i} = \frac{q_i}{n} (\log q_i - x_i + 1)

    The last one holds with ``log_target``. An element with q = 0 has loss 0, whatever x is.

    Shapes: prediction (log-probabilities) and target alike, any; the result is a scalar, or alike with
    ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n elements; ``"batchmean"``, the divergence itself, for which n is the
            size of the first axis; ``"sum"``, or ``"none"``.
        log_target: whether the target is log q instead of q.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, or are integers.

    Source: S. Kullback, R. Leibler, "On information and sufficiency", 1951.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("prediction", "target")
    reductions: ClassVar[tuple[str, ...]] = ("mean", "batchmean", "sum", "none")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        x, t = widen(prediction), widen(target)
        q, gap = (t.exp(), t - x) if self.log_target else (t, t.log() - x)
        count = len(x) if self.reduction == "batchmean" and x.ndim else x.numel()
        loss = self.rounded(self.reduce(weighed(q, gap), count), prediction.dtype)
        self.save((q, gap, count, prediction.dtype), loss)
        return loss

    def backward(
        self, dloss: Float[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, ...], Float[Tensor, ...]]:
        q, gap, count, dtype = self.restore(dloss)
        dlosses = self.upstream(dloss, count)
        dq = (gap + 1) * dlosses  # before its product with q, which might overflow
        dtarget = weighed(q, dq) if self.log_target else dq
        return narrow(-q * dlosses, dtype), narrow(dtarget, dtype)

    def shares(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The weight of each element's loss in a mean; with "batchmean" those of a sample add up to 1."""
        ones = torch.ones_like(prediction)
        return ones / prediction[:1].numel() if self.reduction == "batchmean" and prediction.ndim else ones
