"""The loss of counts: the negative log-likelihood of a Poisson distribution."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Loss


class PoissonNLLLoss(Loss):
    r"""The negative log-likelihood of counts t, given their rates or the logarithms x of these.

    With ``log_input`` the rate is e^x, else it is the prediction p:

    .. math::
        \ell &= \frac{1}{n} \sum_i \big(e^{x_i} - t_i x_i + s_i\big), \qquad
        \frac{\partial \ell}{\partial x_i} = \frac{1}{n} \big(e^{x_i} - t_i\big) \\
        \ell &= \frac{1}{n} \sum_i \big(p_i - t_i \log(p_i + \varepsilon) + s_i\big), \qquad
        \frac{\partial \ell}{\partial p_i} = \frac{1}{n} \Big(1 - \frac{t_i}{p_i + \varepsilon}\Big)

    The term s does not depend on the prediction. It is 0, or with ``full`` Stirling's approximation of
    log t!, where t is above 1:

    .. math:: s_i = t_i \log t_i - t_i + \tfrac{1}{2} \log(2 \pi t_i)

    Shapes: prediction and target alike, any; the result is a scalar, or alike with ``reduction="none"``.

    Args:
        log_input: whether the prediction is the logarithm of the rate; else it is the rate itself, at least
            0, and loss and gradient below ``-eps`` are no numbers or mean nothing.
        full: whether to add Stirling's term.
        eps: keeps the logarithm of a rate of 0 finite; positive.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: ``eps`` is not positive; prediction and target differ in shape or dtype, or are integers;
            or a target is negative.

    Source: J. Nelder, R. Wedderburn, "Generalized linear models", 1972.
    """

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-08, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction)
        if not eps > 0:
            raise ModuleError(self, f"expected eps > 0, got {eps}")
        self.log_input = log_input
        self.full = full
        self.eps = eps

    def forward(self, prediction: Float[Tensor, ...], target: Float[Tensor, ...]) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        self.expect_within("target", target, 0, math.inf)
        x, t = widen(prediction), widen(target)
        if self.log_input:
            rate = x.exp()
            losses = rate - t * x
        else:
            rate = x + self.eps
            losses = x - t * rate.log()
        loss = self.rounded(self.reduce(losses + stirling(t) if self.full else losses), prediction.dtype)
        self.save((t, rate, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        t, rate, dtype = self.restore(dloss)
        dlosses = self.upstream(dloss, t.numel())
        return narrow((rate - t) * dlosses if self.log_input else dlosses - t * dlosses / rate, dtype)


def stirling(t: Tensor) -> Tensor:
    """Stirling's approximation of log t!; 0 for t up to 1, where it is poor."""
    term = t * t.log() - t + 0.5 * (2 * math.pi * t).log()
    return torch.where(t > 1, term, torch.zeros_like(t))
