"""The loss of log-probabilities."""

from __future__ import annotations

from jaxtyping import Float, Int
from torch import Tensor

from plaingrad.nn.loss.classes import ClassLoss, cross_entropy


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
        ignore_index: targets with this value count for nothing. If all do, the mean is NaN, its gradient 0.
        reduction: ``"mean"``, divided by the weights of the targets; ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the shapes do not fit, the target is no int64, or an index lies outside the classes.
    """

    def forward(self, prediction: Float[Tensor, ...], target: Int[Tensor, ...]) -> Float[Tensor, ...]:
        axis = self.class_axis(prediction)
        mass = self.weigh_classes(self.one_hot(prediction, target, axis)[0], axis)
        total = mass.sum().item()
        loss = self.reduce(cross_entropy(mass, prediction, axis), total)
        self.save((mass, total), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        mass, total = self.restore(dloss)
        return -mass * self.upstream(dloss, total)
