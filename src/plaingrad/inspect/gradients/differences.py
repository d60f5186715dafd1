"""Central differences, and the distinction between a kink and a mistake."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

ROUNDING = torch.finfo(torch.float64).eps
SHRINK = 8.0
STEPS = 4


@dataclass(frozen=True)
class Slope:
    """The slopes of a function at a point, one step to the left and one to the right.

    Attributes:
        left: the difference quotient of the point and the one before it; NaN where there is no value.
        right: that of the one after it and the point.
        noise: their possible rounding error.
    """

    left: float
    right: float
    noise: float

    @property
    def central(self) -> float:
        return (self.left + self.right) / 2

    @property
    def gap(self) -> float:
        return abs(self.right - self.left)


@dataclass(frozen=True)
class Finding:
    """The verdict of differences on one number.

    Attributes:
        verdict: ``"agrees"``; ``"kink"`` if there is no derivative to compare with; or ``"differs"``.
        central: the derivative by differences.
    """

    verdict: str
    central: float


class Differences:
    """Slopes of ``sum(dy * y)`` along an element of a tensor, or along a direction.

    Attributes:
        scale: the largest upstream gradient, for what counts as small; 1 if all are 0.

    Args:
        outputs: computes the outputs y from the tensors as they are now.
        dys: the upstream gradients dy; None for an output that has none.
        eps: the step, relative to the element where that is larger than 1.
        tolerance: the relative error at which a number still agrees.
    """

    def __init__(
        self,
        outputs: Callable[[], Sequence[Tensor]],
        dys: Sequence[Tensor | None],
        eps: float,
        tolerance: float,
    ) -> None:
        self.outputs = outputs
        self.dys = dys
        self.eps = eps
        self.tolerance = tolerance
        self.here = [y.clone() for y in outputs()]  # an output may be a view of what will be moved
        pairs = [(y, dy) for y, dy in zip(self.here, dys) if dy is not None and dy.numel()]
        # An output near 0 may be the rest of numbers near 1, as the loss log(1 + e) of a sure, right
        # prediction is, and is rounded as these are.
        self.size = sum(float((y.abs().clamp(min=1.0) * dy.abs()).sum()) for y, dy in pairs)
        self.scale = max([float(dy.abs().max()) for _, dy in pairs], default=0.0) or 1.0

    def slope(self, x: Tensor, along: int | Tensor, shrink: float = 1.0) -> Slope:
        """The slope at x.

        Args:
            x: the tensor, contiguous; it is moved in place and put back.
            along: the position of an element in the flat tensor, or a direction in the shape of x.
            shrink: what the step is divided by.
        """
        flat = x.view(-1)
        moved = flat[along] if isinstance(along, int) else flat
        before = moved.clone()
        way = 1.0 if isinstance(along, int) else along.view(-1)
        step = self.eps * max(1.0, float(before.abs().max())) / shrink
        rises = []
        for signed in (-step, step):
            try:
                moved.copy_(before + signed * way)
                taken = float(moved - before) if isinstance(along, int) else signed
                rises.append(self._rise() / taken)
            except (ValueError, RuntimeError, ArithmeticError):  # outside the module's domain
                rises.append(math.nan)
            finally:
                moved.copy_(before)
        return Slope(rises[0], rises[1], noise=16 * ROUNDING * self.size / step)

    def _rise(self) -> float:
        rises = [
            ((there - here) * dy).sum()
            for here, there, dy in zip(self.here, self.outputs(), self.dys)
            if dy is not None
        ]
        return float(sum(rises))

    def close(self, ours: float, slope: Slope) -> bool:
        """True if a number equals a slope within tolerance and rounding noise."""
        size = max(abs(ours), abs(slope.central))
        return abs(ours - slope.central) <= self.tolerance * size + slope.noise

    def judge(self, ours: float, x: Tensor, along: int | Tensor) -> Finding:
        """Judge a doubtful number, with smaller and smaller steps.

        Where a function is smooth, the slopes to the left and to the right approach each other as the step
        shrinks. At a kink or a jump they do not, and there is no derivative; a kink merely nearby is left
        behind as soon as the step no longer reaches it.
        """
        slopes = [self.slope(x, along, SHRINK**k) for k in range(STEPS)]
        while self._moves(*slopes[-2:]):  # a step may be longer than all that happens in the function
            slopes.append(self.slope(x, along, SHRINK ** len(slopes)))
        first, last = slopes[0], slopes[-1]
        if not math.isfinite(last.gap):
            return Finding("kink", first.central)
        smooth = first.gap / SHRINK if math.isfinite(first.gap) else 0.0
        size = max(abs(last.left), abs(last.right))
        if last.gap > max(smooth, 4 * last.noise, self.tolerance * size):
            return Finding("kink", first.central)
        for slope in slopes:
            if self.close(ours, slope):
                return Finding("agrees", slope.central)
        centrals = pairwise(s.central for s in slopes[::-1])
        settled = min(centrals, key=lambda pair: _gap(*pair) / self._size(*pair))
        doubt = 4 * _gap(*settled)
        return Finding("differs" if abs(ours - settled[0]) > doubt else "kink", settled[0])

    def _moves(self, before: Slope, last: Slope) -> bool:
        """True if a smaller step gave another slope, and one that stands out from its noise."""
        allowed = self.tolerance * self._size(before.central, last.central)
        return _gap(before.central, last.central) > allowed > last.noise

    def _size(self, *slopes: float) -> float:
        """The size of slopes that a difference between them is compared with."""
        return max(1e-3 * self.scale, *map(abs, slopes))


def _gap(a: float, b: float) -> float:
    return abs(a - b) if math.isfinite(a - b) else math.inf
