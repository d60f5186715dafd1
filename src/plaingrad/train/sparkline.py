"""Small curves as SVG, without a library for pictures."""

from __future__ import annotations

import math
from collections.abc import Sequence

WIDTH, HEIGHT, MARGIN = 240, 48, 3
COLOURS = ("#0072B2", "#D55E00")  # blue and orange of `plaingrad.drawing`


def svg_curves(curves: Sequence[Sequence[float]]) -> str:
    """Curves over a common range; nothing without two finite values in one of them.

    The axis is logarithmic where all values are positive and the greatest is more than ten times the least.
    """
    values = [value for curve in curves for value in curve if math.isfinite(value)]
    longest = max(map(len, curves), default=0)
    if longest < 2 or not values:
        return ""
    is_logarithmic = min(values) > 0 and max(values) > 10 * min(values)

    def height(value: float) -> float:
        return math.log(value) if is_logarithmic else value

    low, high = height(min(values)), height(max(values))
    lines = []
    for curve, colour in zip(curves, COLOURS):
        points = [
            (
                MARGIN + i / (longest - 1) * (WIDTH - 2 * MARGIN),
                MARGIN + (high - height(value)) / ((high - low) or 1) * (HEIGHT - 2 * MARGIN),
            )
            for i, value in enumerate(curve)
            if math.isfinite(value)
        ]
        if points:
            path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
            lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    return f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{"".join(lines)}</svg>'
