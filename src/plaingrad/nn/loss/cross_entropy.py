"""The loss of logits over classes."""

from __future__ import annotations

import torch
from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.loss.classes import ClassLoss, sum_along, sum_of
from plaingrad.nn.loss.reduction import weighed
from plaingrad.parameter import shape

State = tuple[Tensor, Tensor, Tensor | None, Tensor | None, int]


class CrossEntropyLoss(ClassLoss):
    r"""The cross entropy between the softmax of logits x and the target's distribution q.

    With the mass m that the target of sample i puts on class c of C, after smoothing by e and weighing:

    .. math::
        p_{ic} &= \frac{e^{x_{ic}}}{\sum_k e^{x_{ik}}}, \qquad
        m_{ic} = w_c \big((1 - e)\, q_{ic} + e / C\big) \\
        \ell &= -\frac{1}{n} \sum_{ic} m_{ic} \log p_{ic}, \qquad
        \frac{\partial \ell}{\partial x_{ic}} = \frac{1}{n} \Big(p_{ic} \sum_k m_{ik} - m_{ic}\Big)

    A class index t stands for q = [c = t] (and m = 0 if it is ignored), and n is the sum of the weights of
    the targets. For class probabilities n is the number of samples.

    Shapes: prediction (logits) ``(batch, classes, *rest)`` and target ``(batch, *rest)`` if of indices, as
    the prediction if of probabilities; or ``(classes,)``, and ``()`` or ``(classes,)``. The result is a
    scalar, or ``(batch, *rest)`` with ``reduction="none"``.

    Args:
        weight: a constant factor for each class, shape ``(classes,)``.
        ignore_index: indices with this value count for nothing, whatever their logits: loss and gradient are
            0. If all are ignored, the mean is NaN, its gradient 0.
        reduction: ``"mean"``, divided by n; ``"sum"``, or ``"none"``.
        label_smoothing: the share of the target's mass that is spread evenly over all classes.

    Raises:
        ModuleError: ``label_smoothing`` lies outside 0..1; the shapes do not fit; the target is neither int64
            nor of the prediction's dtype; an index lies outside the classes; or there is an ``ignore_index``
            among the classes, but the targets are probabilities.

    Source: C. Szegedy et al., "Rethinking the Inception architecture for computer vision", 2016, for label
    smoothing.
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, ignore_index, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ModuleError(self, f"expected label_smoothing in 0..1, got {label_smoothing}")
        self.label_smoothing = label_smoothing

    def forward(self, prediction: Float[Tensor, ...], target: Num[Tensor, ...]) -> Float[Tensor, ...]:
        losses, count, state = self.compare(prediction, target)
        loss = self.rounded(self.reduce(losses, count), prediction.dtype)
        self.save((state, count, prediction.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        state, count, dtype = self.restore(dloss)
        return narrow(self.slopes(state, self.upstream(dloss, count)), dtype)

    def compare(
        self, prediction: Tensor, target: Tensor, wide: Tensor | None = None
    ) -> tuple[Tensor, int | float, State]:
        """The loss of each sample, the n of a mean, and what `slopes` needs; of wider logits if there are."""
        axis, x, index = self.class_axis(prediction), widen(prediction) if wide is None else wide, None
        z = x - x.amax(axis, keepdim=True) if x.shape[axis] else x
        mass: Tensor | None
        if target.is_floating_point() or self.label_smoothing:
            z_target, (mass, count) = z, self.mass(prediction, target, axis)
        else:  # the mass of a sample is on one class alone; a mass of None stands for 1
            index, mass = self.indices(prediction, target, axis)
            z_target, count = z.gather(axis, index), sum_of(mass, index)
        exp_z = z.exp()
        sum_z = exp_z.sum(axis, keepdim=True)
        losses = sum_along(axis, weighed(mass, sum_z.log() - z_target))
        return losses, count, (exp_z, sum_z, index, mass, axis)

    def slopes(self, state: State, dlosses: Tensor | float) -> Tensor:
        """The gradient with respect to the logits, from that of each sample's loss."""
        exp_z, sum_z, index, mass, axis = state
        dmass = weighed(mass, torch.zeros_like(sum_z).add_(dlosses))
        dmass_sum = dmass if mass is None else dmass.sum(axis, keepdim=True)
        dx = exp_z * (dmass_sum / sum_z)
        if mass is not None:
            dx.masked_fill_(dmass_sum == 0, 0)
        return dx.sub_(dmass) if index is None else dx.scatter_add_(axis, index, dmass.neg_())

    def mass(self, prediction: Tensor, target: Tensor, axis: int) -> tuple[Tensor, int | float]:
        """The mass m that the target puts on each class, and the n of a mean."""
        e, classes = self.label_smoothing, max(1, prediction.shape[axis])
        if target.is_floating_point():
            self.expect_probabilities(prediction, target)
            mass, count = (1 - e) * widen(target) + e / classes, prediction.numel() / classes
        else:
            index, weight = self.indices(prediction, target, axis)
            kept = (target != self.ignored).unsqueeze(axis)
            q = widen(torch.zeros_like(prediction)).scatter_(axis, index, 1.0)
            mass, count = kept * ((1 - e) * q + e / classes), sum_of(weight, index)
        weight = self.class_weight(prediction, axis)
        return mass if weight is None else mass * weight.view([-1] + [1] * (mass.ndim - axis - 1)), count

    def expect_probabilities(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse class probabilities that do not fit the logits or the arguments.

        Raises:
            ModuleError: they have another shape or dtype, or there is an ``ignore_index`` for indices.
        """
        if target.shape != prediction.shape or target.dtype != prediction.dtype:
            expected = f"class probabilities {shape(prediction)} of {prediction.dtype}"
            got = f"got {shape(target)} of {target.dtype}"
            raise ModuleError(self, f"expected {expected}, or class indices of torch.int64, {got}")
        if self.ignored >= 0:
            raise ModuleError(self, "expected class indices, for ignore_index, got class probabilities")
