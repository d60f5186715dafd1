"""The loss of log-probabilities."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.classes import ClassLoss, sum_along, sum_of
from plaingrad.nn.loss.reduction import weighed


class NLLLoss(ClassLoss):
    r"""The negative log-likelihood of the target classes.

    With log-probabilities x, and the mass m that the target of sample i puts on class c, its weight on the
    right one and 0 elsewhere:

    .. math::
        m_{ic} &= w_c\, [c = t_i]\, [t_i \neq \text{ignore\_index}] \\
        \ell &= -\frac{1}{\sum_{ic} m_{ic}} \sum_{ic} m_{ic}\, x_{ic}, \qquad
        \frac{\partial \ell}{\partial x_{ic}} = -\frac{m_{ic}}{\sum_{jk} m_{jk}}

    Shapes: prediction (log-probabilities) ``(batch, classes, *rest)`` and target ``(batch, *rest)``, or
    ``(classes,)`` and ``()``; the result is a scalar, or as the target with ``reduction="none"``.

    Args:
        weight: a constant factor for each class, shape ``(classes,)``.
        ignore_index: targets with this value count for nothing, whatever their prediction: loss and gradient
            are 0. If all are ignored, the mean is NaN, its gradient 0.
        reduction: ``"mean"``, divided by the weights of the targets; ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the shapes do not fit, the target is no int64, or an index lies outside the classes.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Int[Tensor, ...]) -> Float[Tensor, ...]:
        axis = self.class_axis(prediction)
        index, weight = self.indices(prediction, target, axis)
        count = sum_of(weight, index)
        losses = -sum_along(axis, weighed(weight, widen(prediction.gather(axis, index))))
        loss = self.rounded(self.reduce(losses, count), prediction.dtype)
        self.save((prediction, index, weight, count, axis), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        prediction, index, weight, count, axis = self.restore(dloss)
        dlosses = -self.upstream(dloss, count)
        if weight is None and isinstance(dlosses, float):  # the same for all, of which no tensor is needed
            return torch.zeros_like(prediction).scatter_(axis, index, dlosses)
        dlosses = widen(prediction.new_zeros(index.shape)).add_(dlosses)
        dx_target = narrow(weighed(weight, dlosses), prediction.dtype)
        return torch.zeros_like(prediction).scatter_(axis, index, dx_target)


class NLLLoss2d(NLLLoss):
    """The name that `NLLLoss` had for images; torch.nn warns that it is deprecated."""
