"""Interpolation along one axis: the elements that each new element is made of, and their weights."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from plaingrad.nn.pooling.average import Means, averages, averages_gradient
from plaingrad.nn.pooling.reach import Reach

CUBIC = -0.75  # the slope at a distance of 1


@dataclass(frozen=True)
class Taps:
    r"""A linear map along one axis, from n elements to m, as few terms for each new element.

    .. math::
        y_i = \sum_k w_{ki}\, x_{j_k(i)}, \qquad
        \frac{\partial \ell}{\partial x_{j_k(i)}} \mathrel{+}= w_{ki} \frac{\partial \ell}{\partial y_i}

    Attributes:
        size: the number n of elements.
        indices: :math:`j_k`, shape ``(m,)`` for each k.
        weights: :math:`w_k`, shape ``(m,)`` for each k; None stands for 1.
    """

    size: int
    indices: list[Tensor]
    weights: list[Tensor | None]

    @classmethod
    def nearest(cls, size: int, centres: Tensor) -> Taps:
        """The element in which each point lies."""
        return cls(size, [centres.float().floor().long().clamp(max=size - 1)], [None])

    @classmethod
    def linear(cls, size: int, centres: Tensor) -> Taps:
        """The two elements around each point, by their distance; beyond the ends the last one."""
        before, t = _split(size, centres.clamp(min=0))
        return cls(size, [before, (before + 1).clamp(max=size - 1)], [1 - t, t])

    @classmethod
    def cubic(cls, size: int, centres: Tensor) -> Taps:
        """The four elements around each point, by a cubic spline of their distance."""
        before, t = _split(size, centres)
        indices = [(before + k).clamp(0, size - 1) for k in (-1, 0, 1, 2)]
        return cls(size, indices, [_outer(t + 1), _inner(t), _inner(1 - t), _outer(2 - t)])

    def forward(self, x: Float[Tensor, "*size"], axis: int) -> Float[Tensor, "*new_size"]:
        parts = [
            _along(weight, x.index_select(axis, index), axis)
            for index, weight in zip(self.indices, self.weights)
        ]
        return sum(parts[1:], parts[0])

    def backward(self, dy: Float[Tensor, "*new_size"], axis: int) -> Float[Tensor, "*size"]:
        dx = dy.new_zeros(*dy.shape[:axis], self.size, *dy.shape[axis + 1 :])
        for index, weight in zip(self.indices, self.weights):
            dx.index_add_(axis, index, _along(weight, dy, axis))
        return dx


@dataclass(frozen=True)
class Area:
    """The means of all elements that each new one covers, along one axis.

    Attributes:
        size: the number of elements.
        count: the number of new ones.
    """

    size: int
    count: int

    def forward(self, x: Float[Tensor, "*size"], axis: int) -> Float[Tensor, "*new_size"]:
        return averages(x.movedim(axis, -1), self._means()).movedim(-1, axis)

    def backward(self, dy: Float[Tensor, "*new_size"], axis: int) -> Float[Tensor, "*size"]:
        last = dy.movedim(axis, -1)
        return averages_gradient(last, [*last.shape[:-1], self.size], self._means()).movedim(-1, axis)

    def _means(self) -> Means:
        reach = Reach.adaptive(self.size, self.count)
        return [(reach, reach.lengths)]


def corners(size: int, count: int, x: Tensor) -> Tensor:
    """So many points from the first element to the last, as positions among the elements."""
    step = (size - 1) / (count - 1) if count > 1 else 0
    return torch.arange(count, device=x.device, dtype=x.dtype) * step


def points(size: int, count: int, scale: float | None, x: Tensor, offset: float = 0.0) -> Tensor:
    """The position of each new element in steps of the old ones, where both begin at the same edge.

    Args:
        size: the number of elements.
        count: the number of new ones.
        scale: new elements for each old one; as the two numbers say if None.
        x: the tensor whose device and dtype the positions have.
        offset: where a new element lies within itself, 0.5 for its centre.
    """
    step = size / count if scale is None else 1 / scale
    return (torch.arange(count, device=x.device, dtype=x.dtype) + offset) * step


def _split(size: int, centres: Tensor) -> tuple[Tensor, Tensor]:
    """The element before each point, and the distance from it."""
    before = centres.floor().long().clamp(max=size - 1)
    return before, (centres - before).clamp(0, 1)


def _inner(t: Tensor) -> Tensor:
    """The spline at distances up to 1."""
    return ((CUBIC + 2) * t - (CUBIC + 3)) * t * t + 1


def _outer(t: Tensor) -> Tensor:
    """The spline at distances from 1 to 2."""
    return ((CUBIC * t - 5 * CUBIC) * t + 8 * CUBIC) * t - 4 * CUBIC


def _along(weight: Tensor | None, x: Tensor, axis: int) -> Tensor:
    """``x`` times the weight of each element along an axis, where 0 times anything is 0."""
    if weight is None:
        return x
    weight = weight.view(-1, *[1] * (x.ndim - axis - 1))
    return (x * weight).masked_fill_(weight == 0, 0)
