"""Rows of the conformance table: convolution along one, two and three axes."""

from collections.abc import Callable

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal
from plaingrad import nn

Numbers = int | tuple[int, ...]

few = st.integers(1, 3)


def one_or_all(numbers: st.SearchStrategy[int], axes: int) -> st.SearchStrategy[Numbers]:
    return numbers | st.tuples(*[numbers] * axes)


def each(value: Numbers, axes: int) -> tuple[int, ...]:
    return (value,) * axes if isinstance(value, int) else value


@st.composite
def convolutions(draw: st.DrawFn, axes: int) -> Arguments:
    groups = draw(few)
    padding = draw(st.sampled_from(["same", "valid"]) | one_or_all(st.integers(0, 3), axes))
    return {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(one_or_all(few, axes)),
        "stride": 1 if padding == "same" else draw(one_or_all(few, axes)),
        "padding": padding,
        "dilation": draw(one_or_all(st.integers(1, 2), axes)),
        "groups": groups,
        "bias": draw(st.booleans()),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
    }


@st.composite
def transposed(draw: st.DrawFn, axes: int) -> Arguments:
    groups = draw(few)
    stride = draw(one_or_all(few, axes))
    dilation = draw(one_or_all(st.integers(1, 2), axes))
    most = [max(s, d) - 1 for s, d in zip(each(stride, axes), each(dilation, axes))]
    return {
        "in_channels": groups * draw(st.integers(1, 2)),
        "out_channels": groups * draw(st.integers(1, 2)),
        "kernel_size": draw(one_or_all(few, axes)),
        "stride": stride,
        "padding": draw(one_or_all(st.integers(0, 1), axes)),
        "output_padding": draw(st.integers(0, min(most)) | st.tuples(*[st.integers(0, m) for m in most])),
        "groups": groups,
        "bias": draw(st.booleans()),
        "dilation": dilation,
    }


@st.composite
def windows(draw: st.DrawFn) -> Arguments:
    return {
        "kernel_size": draw(one_or_all(few, 2)),
        "dilation": draw(one_or_all(st.integers(1, 2), 2)),
        "padding": draw(one_or_all(st.integers(0, 2), 2)),
        "stride": draw(one_or_all(few, 2)),
    }


@st.composite
def folds(draw: st.DrawFn) -> Arguments:
    arguments = draw(windows())
    least = [max(1, size) for size in uncovered(arguments, 2)]
    return {"output_size": tuple(size + draw(st.integers(0, 3)) for size in least), **arguments}


def uncovered(arguments: Arguments, axes: int) -> list[int]:
    """How far a window reaches along each axis, without the padding at both ends."""
    names = ("kernel_size", "dilation", "padding")
    numbers = zip(*[each(arguments[name], axes) for name in names])
    return [d * (k - 1) + 1 - 2 * p for k, d, p in numbers]


@st.composite
def images(draw: st.DrawFn, channels: int, least: list[int]) -> Inputs:
    """A batch of images or a single one, of at least these sizes."""
    batch = draw(st.sampled_from([[], [1], [2]]))
    return (draw(normal(*batch, channels, *[size + draw(st.integers(0, 3)) for size in least])),)


def convolved(axes: int) -> Callable[[Arguments], st.SearchStrategy[Inputs]]:
    def inputs(arguments: Arguments) -> st.SearchStrategy[Inputs]:
        numbers = zip(each(arguments["kernel_size"], axes), each(arguments["dilation"], axes))
        extents = [d * (k - 1) + 1 for k, d in numbers]
        ends = {"same": [extent // 2 for extent in extents], "valid": [0] * axes}.get(arguments["padding"])
        ends = each(arguments["padding"], axes) if ends is None else ends
        mode = arguments["padding_mode"]
        wanted = [{"reflect": end + 1, "circular": end}.get(mode, 1) for end in ends]
        least = [max(1, size, extent - 2 * end) for size, extent, end in zip(wanted, extents, ends)]
        return images(arguments["in_channels"], least)

    return inputs


def spread(axes: int) -> Callable[[Arguments], st.SearchStrategy[Inputs]]:
    """Inputs of which a transposed convolution leaves something after its padding."""
    return lambda arguments: images(arguments["in_channels"], [3] * axes)


def unfolded(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    least = [max(1, size) for size in uncovered(arguments, 2)]
    return st.integers(1, 2).flatmap(lambda channels: images(channels, least))


@st.composite
def folded(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    numbers = zip(arguments["output_size"], uncovered(arguments, 2), each(arguments["stride"], 2))
    rows, columns = [(size - extent) // stride + 1 for size, extent, stride in numbers]
    kernel = each(arguments["kernel_size"], 2)
    batch = draw(st.sampled_from([[], [1], [2]]))
    channels = draw(st.integers(1, 2))
    return (draw(normal(*batch, channels * kernel[0] * kernel[1], rows * columns)),)


CASES = [
    Case(nn.Conv1d, theirs=torch.nn.Conv1d, arguments=convolutions(1), inputs=convolved(1)),
    Case(nn.Conv2d, theirs=torch.nn.Conv2d, arguments=convolutions(2), inputs=convolved(2)),
    Case(nn.Conv3d, theirs=torch.nn.Conv3d, arguments=convolutions(3), inputs=convolved(3)),
    Case(nn.ConvTranspose1d, theirs=torch.nn.ConvTranspose1d, arguments=transposed(1), inputs=spread(1)),
    Case(nn.ConvTranspose2d, theirs=torch.nn.ConvTranspose2d, arguments=transposed(2), inputs=spread(2)),
    Case(nn.ConvTranspose3d, theirs=torch.nn.ConvTranspose3d, arguments=transposed(3), inputs=spread(3)),
    Case(nn.Unfold, theirs=torch.nn.Unfold, arguments=windows(), inputs=unfolded),
    Case(nn.Fold, theirs=torch.nn.Fold, arguments=folds(), inputs=folded),
]
