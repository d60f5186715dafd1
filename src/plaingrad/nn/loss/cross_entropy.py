"""The loss of logits over classes."""

from __future__ import annotations

from jaxtyping import Float, Num
from torch import Tensor

from plaingrad.module import ModuleError
from plaingrad.nn.loss.classes import ClassLoss, cross_entropy
from plaingrad.parameter import shape


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
        ignore_index: indices with this value count for nothing. If all do, the mean is NaN, its gradient 0.
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
        axis = self.class_axis(prediction)
        mass, total = self.mass(prediction, target, axis)
        z = prediction - prediction.amax(axis, keepdim=True)
        exp_z = z.exp()
        sum_z = exp_z.sum(axis, keepdim=True)
        loss = self.reduce(cross_entropy(mass, z - sum_z.log(), axis), total)
        self.save((exp_z / sum_z, mass, total, axis), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Float[Tensor, ...]:
        p, mass, total, axis = self.restore(dloss)
        return (p * mass.sum(axis, keepdim=True) - mass) * self.upstream(dloss, total)

    def mass(self, prediction: Tensor, target: Tensor, axis: int) -> tuple[Tensor, float]:
        """The mass m that the target puts on each class, and the n of a mean."""
        q: Tensor
        kept: Tensor | float
        if target.is_floating_point():
            self.expect_probabilities(prediction, target)
            q, kept, total = target, 1.0, prediction.numel() / max(1, prediction.shape[axis])
        else:
            q, kept = self.one_hot(prediction, target, axis)
            total = self.weigh_classes(q, axis).sum().item()
        if self.label_smoothing:
            q = (1 - self.label_smoothing) * q + kept * (self.label_smoothing / prediction.shape[axis])
        return self.weigh_classes(q, axis), total

    def expect_probabilities(self, prediction: Tensor, target: Tensor) -> None:
        """Refuse class probabilities that do not fit the logits or the arguments."""
        if target.shape != prediction.shape or target.dtype != prediction.dtype:
            expected = f"class probabilities {shape(prediction)} of {prediction.dtype}"
            got = f"got {shape(target)} of {target.dtype}"
            raise ModuleError(self, f"expected {expected}, or class indices of torch.int64, {got}")
        if self.ignore_index >= 0:
            raise ModuleError(self, "expected class indices, for ignore_index, got class probabilities")
