"""Losses of triplets: an anchor should be nearer to a positive example than to a negative one."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.module import Module, ModuleError
from plaingrad.nn.common.half import narrow, widen
from plaingrad.nn.common.pnorm import pnorm_backward
from plaingrad.nn.distance import PairwiseDistance
from plaingrad.nn.loss.reduction import Reduction, weighed

Triplet = tuple[Tensor, Tensor, Tensor]


class TripletLoss(Reduction):
    """The base class of losses of triplets, which their distances determine."""

    differentiable: ClassVar[tuple[str, ...] | None] = ("anchor", "positive", "negative")

    def __init__(self, margin: float, swap: bool, reduction: str) -> None:
        super().__init__(reduction)
        if not margin > 0:
            raise ModuleError(self, f"expected margin > 0, got {margin}")
        self.margin = margin
        self.swap = swap

    def pairs(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> list[tuple[Tensor, Tensor]]:
        """The pairs whose distances are compared: with ``swap`` three of them.

        Raises:
            ModuleError: the examples differ in shape or dtype, or are of integers.
        """
        self.expect_alike(anchor, positive, ("anchor", "positive"))
        self.expect_alike(anchor, negative, ("anchor", "negative"))
        swapped = [(positive, negative)] if self.swap else []
        return [(anchor, positive), (anchor, negative), *swapped]

    def compare(self, near: Tensor, *others: Tensor) -> tuple[Tensor, list[Tensor]]:
        """The losses of the triplets, and their slopes in each of the distances."""
        far = others[0] if len(others) == 1 else torch.minimum(*others)
        z = self.margin + near - far
        falls_short = (z >= 0).to(z.dtype)
        least = [(each == far).to(z.dtype) for each in others]  # both, where they are equal
        share = falls_short / sum(least[1:], least[0]).clamp(min=1)
        return z.clamp(min=0), [falls_short, *(-each * share for each in least)]


class TripletMarginLoss(TripletLoss):
    r"""The margin by which a negative example should be farther from the anchor than a positive one.

    With the distance d of the p-norm, :math:`d(x, y) = \lVert x - y + \epsilon \rVert_p`:

    .. math::
        z &= \delta + d(a, p) - d(a, n), \qquad \ell = \frac{1}{N} \sum \max(0, z) \\
        \frac{\partial \ell}{\partial d(a, p)} &= -\frac{\partial \ell}{\partial d(a, n)}
            = \frac{1}{N} [z \ge 0], \qquad
        \frac{\partial d(x, y)}{\partial x_i} = -\frac{\partial d(x, y)}{\partial y_i}
            = \operatorname{sign}(x_i - y_i + \epsilon)
              \Big(\frac{|x_i - y_i + \epsilon|}{d(x, y)}\Big)^{p-1}

    With ``swap`` the smaller one of d(a, n) and d(p, n) stands for d(a, n), and has its gradient; of two that
    are equal, each has half of it.

    Shapes: anchor, positive and negative alike, ``(*batch, features)``; the result is a scalar, or
    ``(*batch,)`` with ``reduction="none"``.

    Args:
        margin: the difference :math:`\delta` of the distances from which on there is no loss; positive.
        p: the order of the norm.
        eps: added to each difference.
        swap: whether to compare with the negative example's distance from the positive one too.
        reduction: ``"mean"`` over all N triplets, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the margin is not positive; or the examples differ in shape or dtype, or are of integers.

    Source: V. Balntas, E. Riba, D. Ponsa, K. Mikolajczyk, "Learning local feature descriptors with triplets
    and shallow convolutional neural networks", 2016.
    """

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, swap, reduction)
        self.p = p
        self.eps = eps

    def forward(
        self, anchor: Float[Tensor, ...], positive: Float[Tensor, ...], negative: Float[Tensor, ...]
    ) -> Float[Tensor, ...]:
        pairs = self.pairs(anchor, positive, negative)
        differences = [widen(x) - widen(y) + self.eps for x, y in pairs]
        norms = [torch.linalg.vector_norm(d, self.p, -1, keepdim=True) for d in differences]
        losses, slopes = self.compare(*(norm.squeeze(-1) if norm.ndim else norm for norm in norms))
        loss = self.rounded(self.reduce(losses), anchor.dtype)
        self.save((differences, norms, slopes, anchor.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Triplet:
        differences, norms, slopes, dtype = self.restore(dloss)
        dlosses = self.upstream(dloss, slopes[0].numel())
        d_ap, d_an, *d_pn = (
            pnorm_backward(
                d, norm, self.p, (-1,) if d.ndim else (), weighed(slope, dlosses).reshape(norm.shape)
            )
            for d, norm, slope in zip(differences, norms, slopes)
        )
        dpositive, dnegative = (d_pn[0] - d_ap, -d_an - d_pn[0]) if d_pn else (-d_ap, -d_an)
        return narrow(d_ap + d_an, dtype), narrow(dpositive, dtype), narrow(dnegative, dtype)


class TripletMarginWithDistanceLoss(TripletLoss):
    r"""The margin by which a negative example should be farther from the anchor, by any distance.

    .. math::
        z &= \delta + d(a, p) - d(a, n), \qquad \ell = \frac{1}{N} \sum \max(0, z) \\
        \frac{\partial \ell}{\partial d(a, p)} &= -\frac{\partial \ell}{\partial d(a, n)}
            = \frac{1}{N} [z \ge 0]

    and the distance's own backward does the rest. With ``swap`` the smaller one of d(a, n) and d(p, n) stands
    for d(a, n), and has its gradient; of two that are equal, each has half of it.

    Shapes: anchor, positive and negative alike, as the distance takes them; the result is a scalar, or of the
    distance's shape with ``reduction="none"``.

    Args:
        distance_function: a module of two tensors, which returns their distances; the one of the 2-norm if
            None. It may have parameters.
        margin: the difference :math:`\delta` of the distances from which on there is no loss; positive.
        swap: whether to compare with the negative example's distance from the positive one too.
        reduction: ``"mean"`` over all N triplets, ``"sum"``, or ``"none"``.

    Raises:
        ModuleError: the margin is not positive; the distance is no `Module`; or the examples differ in shape
            or dtype, or are of integers.

    Source: V. Balntas, E. Riba, D. Ponsa, K. Mikolajczyk, "Learning local feature descriptors with triplets
    and shallow convolutional neural networks", 2016.
    """

    distance_function: Module

    def __init__(
        self,
        *,
        distance_function: Module | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin, swap, reduction)
        if distance_function is None:
            distance_function = PairwiseDistance()
        if not isinstance(distance_function, Module):
            got = type(distance_function).__name__
            raise ModuleError(self, f"expected distance_function to be a Module with a backward, got {got}")
        self.distance_function = distance_function

    def forward(
        self, anchor: Float[Tensor, ...], positive: Float[Tensor, ...], negative: Float[Tensor, ...]
    ) -> Float[Tensor, ...]:
        pairs = self.pairs(anchor, positive, negative)
        if anchor.itemsize < 4 and not self.distance_function.state_dict():  # which would need its own dtype
            pairs = [(widen(x), widen(y)) for x, y in pairs]
        distances = [self.distance_function.forward(x, y) for x, y in pairs]
        losses, slopes = self.compare(*map(widen, distances))
        loss = self.rounded(self.reduce(losses), anchor.dtype)
        self.save((slopes, distances[0].dtype, anchor.dtype), loss)
        return loss

    def backward(self, dloss: Float[Tensor, ...] | None = None) -> Triplet:
        slopes, inner, dtype = self.restore(dloss)
        dlosses = self.upstream(dloss, slopes[0].numel())
        latest_first = [
            self.distance_function.backward(narrow(weighed(slope, dlosses), inner))
            for slope in reversed(slopes)
        ]
        (da1, dp1), (da2, dn2), *swapped = reversed(latest_first)
        dp3, dn3 = swapped[0] if swapped else (0, 0)
        return narrow(da1 + da2, dtype), narrow(dp1 + dp3, dtype), narrow(dn2 + dn3, dtype)
