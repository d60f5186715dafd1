"""The step length along a direction that meets the strong Wolfe conditions."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor

DECREASE, CURVATURE = 1e-4, 0.9


class Point(NamedTuple):
    """A point on a line.

    Attributes:
        t: the step length to it.
        loss: the loss f there.
        slope: the derivative of the loss along the line.
        grad: the gradient.
    """

    t: float
    loss: float
    slope: float
    grad: Float[Tensor, " n"]


def strong_wolfe(
    evaluate: Callable[[float], Point], start: Point, t: float, width: float, tolerance: float, limit: int
) -> tuple[Point, int]:
    r"""Find a point that is low and flat enough.

    .. math::
        f(t) \le f(0) + c_1\, t\, f'(0), \qquad \lvert f'(t) \rvert \le -c_2\, f'(0),
            \qquad c_1 = 10^{-4},\; c_2 = 0.9

    The step length grows until such a point, or an interval that contains one, is found; the interval is then
    narrowed by cubic interpolation.

    Args:
        evaluate: returns the point at a step length.
        start: the point at 0.
        t: the step length to begin with.
        width: the largest absolute value of the direction.
        tolerance: the least change of a parameter for which the interval is narrowed further.
        limit: how often to evaluate, besides the first time.

    Returns:
        The best point, and how often it was evaluated.

    Source: J. Nocedal, S. Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.
    """

    def is_high(point: Point) -> bool:
        return point.loss > start.loss + DECREASE * point.t * start.slope

    def is_flat(point: Point) -> bool:
        return abs(point.slope) <= -CURVATURE * start.slope

    before, new, done = start, evaluate(t), 0
    while True:
        if done >= limit:
            before = start
            break
        if is_high(new) or (done > 1 and new.loss >= before.loss):
            break
        if is_flat(new):
            return new, done + 1
        if new.slope >= 0:
            break
        t = lowest(before, new, new.t + 0.01 * (new.t - before.t), 10 * new.t)
        before, new = new, evaluate(t)
        done += 1

    ends = [before, new]  # in the order in which ties are decided
    low = 0 if before.loss <= new.loss else 1
    stalled = False
    while done < limit:
        left, right = sorted(end.t for end in ends)
        if (right - left) * width < tolerance:
            break
        t, margin = lowest(ends[0], ends[1], left, right), 0.1 * (right - left)
        is_near = min(right - t, t - left) < margin
        if is_near and (stalled or t >= right or t <= left):
            t = right - margin if abs(t - right) < abs(t - left) else left + margin
            stalled = False
        else:
            stalled = is_near
        new = evaluate(t)
        done += 1
        if is_high(new) or new.loss >= ends[low].loss:
            ends[1 - low] = new
            low = 0 if ends[0].loss <= ends[1].loss else 1
            continue
        if is_flat(new):
            return new, done + 1
        if new.slope * (ends[1 - low].t - ends[low].t) >= 0:
            ends[1 - low] = ends[low]
        ends[low] = new
    return ends[low], done + 1


def lowest(a: Point, b: Point, least: float, most: float) -> float:
    """The minimum between two limits of the cubic through two points with their slopes; else their middle."""
    left, right = (a, b) if a.t <= b.t else (b, a)
    length = right.t - left.t
    middle = (least + most) / 2
    if length == 0:
        return middle
    d1 = left.slope + right.slope - 3 * (right.loss - left.loss) / length
    square = d1 * d1 - left.slope * right.slope
    if not square >= 0:  # NaN too
        return middle
    d2 = math.sqrt(square)
    above, below = right.slope + d2 - d1, right.slope - left.slope + 2 * d2
    if below == 0:  # a line, which has no minimum
        return middle if above == 0 else least if above > 0 else most
    return min(max(right.t - length * (above / below), least), most)
