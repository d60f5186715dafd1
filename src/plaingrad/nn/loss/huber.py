"""Losses that are quadratic for small errors and linear for large ones."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss


class HuberLoss(Loss):
    r"""The squared error, continued by its tangents beyond ``delta``.

    With the difference d = p - t and its clipped value c:

    .. math::
        c_i &= \min(\max(d_i, -\delta), \delta) \\
        \ell &= \frac{1}{n} \sum_i c_i \big(d_i - \tfrac{1}{2} c_i\big)
              = \frac{1}{n} \sum_i
                \begin{cases}
                    \frac{1}{2} d_i^2                       & |d_i| \le \delta \\
                    \delta \big(|d_i| - \frac{1}{2} \delta\big) & \text{otherwise}
                \end{cases} \\
        \frac{\partial \ell}{\partial p_i} &= \frac{1}{n} c_i

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.
        delta: the error from which on the loss is linear; positive.

    Raises:
        ModuleError: ``delta`` is not positive; or prediction and target differ in shape or dtype, or are
            integers.

    Source: P. Huber, "Robust estimation of a location parameter", 1964.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not delta > 0:
            raise ModuleError(self, f"expected delta > 0, got {delta}")
        self.delta = delta

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        difference = widen(prediction) - widen(target)
        clipped = difference.clamp(-self.delta, self.delta)
        loss = self.rounded(self.reduce(clipped * difference.sub(clipped, alpha=0.5)), prediction.dtype)
        self.save((clipped, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        clipped, dtype = self.restore(dloss)
        return narrow(clipped * self.upstream(dloss, clipped.numel()), dtype)


class SmoothL1Loss(Loss):
    r"""The absolute error, rounded off within ``beta`` of zero.

    With the difference d = p - t and its slope s:

    .. math::
        s_i &= \min(\max(d_i / \beta, -1), 1) \qquad (\operatorname{sign} d_i \text{ for } \beta = 0) \\
        \ell &= \frac{1}{n} \sum_i s_i \big(d_i - \tfrac{\beta}{2} s_i\big)
              = \frac{1}{n} \sum_i
                \begin{cases}
                    \frac{1}{2} d_i^2 / \beta      & |d_i| < \beta \\
                    |d_i| - \frac{1}{2} \beta      & \text{otherwise}
                \end{cases} \\
        \frac{\partial \ell}{\partial p_i} &= \frac{1}{n} s_i

    This is `HuberLoss` with ``delta=beta``, divided by beta.

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.
        beta: the error from which on the loss is linear; 0 gives `L1Loss`.

    Raises:
        ModuleError: ``beta`` is negative; or prediction and target differ in shape or dtype, or are integers.

    Source: R. Girshick, "Fast R-CNN", 2015.
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        if not beta >= 0:
            raise ModuleError(self, f"expected beta >= 0, got {beta}")
        self.beta = beta

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        difference = widen(prediction) - widen(target)
        slope = (difference / self.beta).clamp(-1, 1) if self.beta else difference.sign()
        loss = self.rounded(self.reduce(slope * difference.sub(slope, alpha=self.beta / 2)), prediction.dtype)
        self.save((slope, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        slope, dtype = self.restore(dloss)
        return narrow(slope * self.upstream(dloss, slope.numel()), dtype)
