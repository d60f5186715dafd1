"""Rows of the conformance table: layers that change the resolution of images."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

few = st.integers(1, 3)


@st.composite
def images(draw: st.DrawFn, channels: int, size: int) -> Inputs:
    """Images, in batches of any number of axes, with multiples of these channels, and rows and columns."""
    batch = draw(st.lists(few, max_size=2))
    factors = [channels * draw(few), size * draw(few), size * draw(few)]
    return (draw(normal(*batch, *factors)),)


@st.composite
def groups(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    rest = draw(st.lists(few, min_size=1, max_size=3))
    return (draw(normal(few, arguments["groups"] * draw(few), *rest)),)


CASES = [
    Case(
        ours=nn.PixelShuffle,
        theirs=torch.nn.PixelShuffle,
        arguments=st.fixed_dictionaries({"upscale_factor": few}),
        inputs=lambda arguments: images(arguments["upscale_factor"] ** 2, 1),
    ),
    Case(
        ours=nn.PixelUnshuffle,
        theirs=torch.nn.PixelUnshuffle,
        arguments=st.fixed_dictionaries({"downscale_factor": few}),
        inputs=lambda arguments: images(1, arguments["downscale_factor"]),
    ),
    Case(
        ours=nn.ChannelShuffle,
        theirs=torch.nn.ChannelShuffle,
        arguments=st.fixed_dictionaries({"groups": few}),
        inputs=groups,
    ),
]
