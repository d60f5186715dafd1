"""The loss of predictions that state their own uncertainty."""

from __future__ import annotations

import math
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.reduction import Reduction
from plaingrad.parameter import shape


class GaussianNLLLoss(Reduction):
    r"""The negative log-likelihood of a target t under normal distributions of mean p and variance v.

    .. math::
        \ell &= \frac{1}{n} \sum_i \frac{1}{2} \Big(\log v_i + \frac{(p_i - t_i)^2}{v_i}\Big), \qquad
            v_i = \max(\text{var}_i, \epsilon) \\
        \frac{\partial \ell}{\partial p_i} &= -\frac{\partial \ell}{\partial t_i}
            = \frac{1}{n} \frac{p_i - t_i}{v_i}, \qquad
            \frac{\partial \ell}{\partial v_i}
            = \frac{1}{2n} \Big(\frac{1}{v_i} - \frac{(p_i - t_i)^2}{v_i^2}\Big)

    The gradient of v is passed on to a variance below the bound :math:`\epsilon` as well, so that it can grow
    beyond it. Where one variance stands for several elements, its gradient is the sum of theirs.

    Shapes: prediction and target alike, any; the variance alike too, or without the last axis, or with one
    axis of size 1 in place of the prediction's. The result is a scalar, or as the prediction with
    ``reduction="none"``.

    Args:
        full: whether to add the constant :math:`\frac{1}{2} \log 2 \pi` to the loss of each element.
        eps: the least variance.
        reduction: ``"mean"`` over all n elements, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: prediction and target differ in shape or dtype, or are integers; the variance does not
            spread over them, is of another dtype, or negative.

    Source: D. Nix, A. Weigend, "Estimating the mean and variance of the target probability distribution",
    1994.
    """

    differentiable: ClassVar[tuple[str, ...] | None] = ("prediction", "target", "var")

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.full = full
        self.eps = eps

    def forward(
        self, prediction: Float[Tensor, ...], target: Float[Tensor, ...], var: Float[Tensor, ...] | float
    ) -> Float[Tensor, ...]:
        self.expect_alike(prediction, target)
        v = self.variance(prediction, var).clamp(min=self.eps)
        difference = widen(prediction) - widen(target)
        losses = 0.5 * (v.log() + difference * (difference / v))
        if self.full:
            losses = losses + 0.5 * math.log(2 * math.pi)
        loss = self.rounded(self.reduce(losses), prediction.dtype)
        sizes = var.shape if isinstance(var, Tensor) else None
        self.save((difference, v, sizes, prediction.dtype), loss)
        return loss

    def backward(
        self, dloss: Float[Tensor, ...] | None = None
    ) -> tuple[Float[Tensor, ...], Float[Tensor, ...], Float[Tensor, ...] | None]:
        difference, v, sizes, dtype = self.restore(dloss)
        share = self.upstream(dloss, difference.numel()) / v
        dp, dvar = difference * share, None
        dprediction = narrow(dp, dtype)
        if sizes is not None:
            dv = 0.5 * (share - dp * (difference / v))
            dvar = narrow(dv.sum_to_size(v.shape).view(sizes), dtype)
        return dprediction, -dprediction, dvar

    def variance(self, prediction: Tensor, var: Tensor | float) -> Tensor:
        """The variance, widened, in a shape that spreads over the prediction's.

        Raises:
            ModuleError: it has none, another dtype, or a negative number.
        """
        if not isinstance(var, Tensor):
            var = widen(prediction).new_tensor(var)
        else:
            sizes, others = prediction.shape, var.shape
            differing = [n for n, m in zip(others, sizes) if n != m]
            spreads = len(others) == len(sizes) and differing in ([], [1])
            if not (spreads or others == sizes[:-1]) or var.dtype != prediction.dtype:
                expected = f"var that spreads over {shape(prediction)}, of {prediction.dtype}"
                raise ModuleError(self, f"expected {expected}, got {shape(var)} of {var.dtype}")
            var = var if spreads else var.unsqueeze(-1)
        if (var < 0).any():
            raise ModuleError(self, f"expected var of at least 0, got {var.min().item()}")
        return widen(var)
