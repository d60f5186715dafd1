"""Rows of the conformance table: interpolation along one, two and three axes."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

AXES = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
ALONE = ["nearest", "nearest-exact", "area"]

few = st.integers(1, 3)
factors = st.sampled_from([0.5, 1, 2, 3.0, 1.7, 2.6])  # which keep no size from 2 on, but for 1


@st.composite
def either(draw: st.DrawFn, axes: int) -> Arguments:
    """A size or a factor, of one number only where any number of axes will do."""
    name, numbers = draw(st.sampled_from([("size", st.integers(1, 6)), ("scale_factor", factors)]))
    return {name: draw(st.tuples(*[numbers] * axes) | numbers)}


@st.composite
def arguments(draw: st.DrawFn) -> Arguments:
    mode = draw(st.sampled_from([*AXES, *ALONE]))
    drawn = {"mode": mode, **draw(either(AXES.get(mode) or draw(few)))}
    if "scale_factor" in drawn:
        drawn["recompute_scale_factor"] = draw(st.sampled_from([None, False, True]))
    if mode in AXES:
        drawn["align_corners"] = draw(st.sampled_from([None, False, True]))
    return drawn


@st.composite
def inputs(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    number = arguments.get("size") or arguments["scale_factor"]
    axes = len(number) if isinstance(number, tuple) else AXES.get(arguments.get("mode", ""), 2)
    sizes = [draw(st.integers(2, 5)) for _ in range(axes)]
    return (draw(normal(few, few, *sizes)),)


CASES = [
    Case(nn.Upsample, theirs=torch.nn.Upsample, arguments=arguments(), inputs=inputs),
    *[
        Case(getattr(nn, name), theirs=getattr(torch.nn, name), arguments=either(2), inputs=inputs)
        for name in ("UpsamplingNearest2d", "UpsamplingBilinear2d")
    ],
]
