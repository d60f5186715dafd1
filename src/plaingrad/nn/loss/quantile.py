"""The loss whose best prediction is a quantile."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss
from plaingrad.parameter import shape


class QuantileLoss(Loss):
    r"""The absolute error, weighted by q below the target and by 1 - q above it.

    The mean over a distribution of targets is least where a share q of them lies below the prediction. It is
    also called the pinball loss; with q = 1/2 it is half of `L1Loss`.

    .. math::
        s_i &= \begin{cases} 1 - q & p_i > t_i \\ -q & p_i < t_i \\ 0 & \text{otherwise} \end{cases} \\
        \ell &= \frac{1}{n} \sum_i s_i\, (p_i - t_i), \qquad
        \frac{\partial \ell}{\partial p_i} = \frac{1}{n} s_i

    At the kink, where both are equal, the derivative is taken as 0.

    Shapes: prediction and target alike, any, or ``(*, columns)`` with a quantile for each column; the result
    is a scalar, or alike with ``reduction="none"``. To predict several quantiles of one number, give its
    target once for each: ``target.expand(-1, 3)``.

    Args:
        quantile: the q of all elements, above 0 and below 1; or one for each column.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: a quantile is not between 0 and 1; there are more or fewer than columns; or prediction
            and target differ in shape or dtype, or are integers.

    Source: R. Koenker, G. Bassett, "Regression quantiles", 1978.
    """

    quantile: float | tuple[float, ...]

    def __init__(self, quantile: float | Iterable[float] = 0.5, reduction: str = "mean") -> None:
        super().__init__(reduction)
        levels = tuple(map(float, quantile)) if isinstance(quantile, Iterable) else (float(quantile),)
        if not levels or not all(0 < q < 1 for q in levels):
            raise ModuleError(self, f"expected quantile above 0 and below 1, got {quantile}")
        self.quantile = levels if isinstance(quantile, Iterable) else levels[0]

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        if isinstance(self.quantile, tuple) and prediction.shape[-1:] != (len(self.quantile),):
            expected = f"prediction (*, {len(self.quantile)}), a column for each quantile"
            raise ModuleError(self, f"expected {expected}, got {shape(prediction)}")
        difference = widen(prediction) - widen(target)
        q = difference.new_tensor(self.quantile)
        slope = difference.sign() * torch.where(difference > 0, 1 - q, q)
        loss = self.rounded(self.reduce(slope * difference), prediction.dtype)
        self.save((slope, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        slope, dtype = self.restore(dloss)
        return narrow(slope * self.upstream(dloss, slope.numel()), dtype)
