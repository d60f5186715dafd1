"""Rows of the conformance table: convolution and pooling over images."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

few = st.integers(1, 3)


def one_or_two(numbers: st.SearchStrategy[int]) -> st.SearchStrategy[int | tuple[int, int]]:
    return numbers | st.tuples(numbers, numbers)


def both(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


@st.composite
def convolutions(draw: st.DrawFn) -> Arguments:
    groups = draw(few)
    padding = draw(st.sampled_from(["same", "valid"]) | one_or_two(st.integers(0, 3)))
    return {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(one_or_two(few)),
        "stride": 1 if padding == "same" else draw(one_or_two(few)),
        "padding": padding,
        "dilation": draw(one_or_two(st.integers(1, 2))),
        "groups": groups,
        "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }


@st.composite
def poolings(draw: st.DrawFn) -> Arguments:
    kernel = draw(one_or_two(few))
    most = [size // 2 for size in both(kernel)]
    return {
        "kernel_size": kernel,
        "stride": draw(st.none() | one_or_two(few)),
        "padding": draw(st.integers(0, min(most)) | st.tuples(*[st.integers(0, m) for m in most])),
        "dilation": draw(one_or_two(st.integers(1, 2))),
        "return_indices": draw(st.booleans()),
        "ceil_mode": draw(st.booleans()),
    }


@st.composite
def images(draw: st.DrawFn, channels: int, least: list[int]) -> Inputs:
    """A batch of images or a single one, of at least these numbers of rows and columns."""
    batch = draw(st.sampled_from([[], [1], [2]]))
    return (draw(normal(*batch, channels, *[size + draw(st.integers(0, 3)) for size in least])),)


def convolved(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    extents = [d * (k - 1) + 1 for k, d in zip(both(arguments["kernel_size"]), both(arguments["dilation"]))]
    ends = {"same": [extent // 2 for extent in extents], "valid": [0, 0]}.get(arguments["padding"])
    ends = both(arguments["padding"]) if ends is None else ends
    mode = arguments["padding_mode"]
    wanted = [{"reflect": end + 1, "circular": end}.get(mode, 1) for end in ends]
    least = [max(1, size, extent - 2 * end) for size, extent, end in zip(wanted, extents, ends)]
    return images(arguments["in_channels"], least)


def pooled(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    least = [
        max(d, d * (k - 1) + 1 - 2 * p)
        for k, d, p in zip(*[both(arguments[name]) for name in ("kernel_size", "dilation", "padding")])
    ]
    drawn = st.integers(1, 2).flatmap(lambda channels: images(channels, least))
    return drawn | drawn.map(lambda inputs: (inputs[0].round(),))  # rounded ones have ties


CASES = [
    Case(ours=nn.Conv2d, theirs=torch.nn.Conv2d, arguments=convolutions(), inputs=convolved),
    Case(ours=nn.MaxPool2d, theirs=torch.nn.MaxPool2d, arguments=poolings(), inputs=pooled),
]
