"""Losses for real-valued targets: the powers of the error."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss


class MSELoss(Loss):
    r"""The squared error.

    .. math::
        \ell = \frac{1}{n} \sum_i (p_i - t_i)^2, \qquad
        \frac{\partial \ell}{\partial p_i} = \frac{2}{n} (p_i - t_i)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, or are integers.

    Source: A.-M. Legendre, "Nouvelles méthodes pour la détermination des orbites des comètes", 1805.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        difference = widen(prediction) - widen(target)
        loss = self.rounded(self.reduce(difference * difference), prediction.dtype)
        self.save((difference, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        difference, dtype = self.restore(dloss)
        return narrow(difference * (2 * self.upstream(dloss, difference.numel())), dtype)


class L1Loss(Loss):
    r"""The absolute error.

    .. math::
        \ell = \frac{1}{n} \sum_i |p_i - t_i|, \qquad
        \frac{\partial \ell}{\partial p_i} = \frac{1}{n} \operatorname{sign}(p_i - t_i)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.
    At the kink, where both are equal, the derivative is taken as 0.

    Args:
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, or are integers.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        difference = widen(prediction) - widen(target)
        loss = self.rounded(self.reduce(difference.abs()), prediction.dtype)
        self.save((difference, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        difference, dtype = self.restore(dloss)
        return narrow(difference.sign() * self.upstream(dloss, difference.numel()), dtype)
