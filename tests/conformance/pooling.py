"""Rows of the conformance table: pooling along one, two and three axes."""

from collections.abc import Callable
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs, normal, seeds
from conformance.images import each, few, images, one_or_all, uncovered
from plaingrad import nn

Row = Callable[[Arguments], st.SearchStrategy[Inputs]]


@st.composite
def windows(draw: st.DrawFn, axes: int) -> Arguments:
    return {"kernel_size": draw(one_or_all(few, axes)), "stride": draw(st.none() | one_or_all(few, axes))}


@st.composite
def padded(draw: st.DrawFn, axes: int) -> Arguments:
    arguments = draw(windows(axes))
    most = [size // 2 for size in each(arguments["kernel_size"], axes)]
    padding = draw(st.integers(0, min(most)) | st.tuples(*[st.integers(0, m) for m in most]))
    return {**arguments, "padding": padding, "ceil_mode": draw(st.booleans())}


@st.composite
def maxima(draw: st.DrawFn, axes: int) -> Arguments:
    dilation = draw(one_or_all(st.integers(1, 2), axes))
    return {**draw(padded(axes)), "dilation": dilation, "return_indices": draw(st.booleans())}


@st.composite
def averages(draw: st.DrawFn, axes: int) -> Arguments:
    arguments = {**draw(padded(axes)), "count_include_pad": draw(st.booleans())}
    return arguments if axes == 1 else {**arguments, "divisor_override": draw(st.sampled_from([None, 3, -2]))}


@st.composite
def norms(draw: st.DrawFn, axes: int) -> Arguments:
    numbers = one_or_all(few, axes) if axes > 1 else few  # torch takes no tuple for one axis
    return {
        "norm_type": draw(st.sampled_from([1, 2, 3, 4.0])),
        "kernel_size": draw(numbers),
        "stride": draw(st.none() | numbers),
        "ceil_mode": draw(st.booleans()),
    }


def adaptive(axes: int) -> st.SearchStrategy[Arguments]:
    numbers = st.integers(1, 4)
    some = st.none() | numbers
    sizes = numbers if axes == 1 else numbers | st.tuples(*[some] * axes)  # torch takes no None alone
    return st.fixed_dictionaries({"output_size": sizes})


def adaptive_maxima(axes: int) -> st.SearchStrategy[Arguments]:
    both = st.tuples(adaptive(axes), st.booleans())
    return both.map(lambda drawn: {**drawn[0], "return_indices": drawn[1]})


def pooled(axes: int) -> Row:
    def inputs(arguments: Arguments) -> st.SearchStrategy[Inputs]:
        full = {"padding": 0, "dilation": 1, **arguments}
        least = [max(d, n) for d, n in zip(each(full["dilation"], axes), uncovered(full, axes))]
        drawn = st.integers(1, 2).flatmap(lambda channels: images(channels, least))
        return drawn | drawn.map(lambda inputs: (inputs[0].round(),))  # rounded ones have ties

    return inputs


def whole(axes: int) -> Row:
    """Inputs of at least a window, without which torch refuses volumes however they are padded."""
    return lambda arguments: pooled(axes)({**arguments, "padding": 0})


def positive(axes: int) -> Row:
    """Inputs of at least 1/10, for the root of a sum of odd powers."""
    return lambda arguments: pooled(axes)(arguments).map(lambda inputs: made_positive(arguments, inputs))


def made_positive(arguments: Arguments, inputs: Inputs) -> Inputs:
    return (inputs[0].abs() + 0.1,)


def brought(axes: int) -> Row:
    return lambda arguments: images(2, [1] * axes)


@st.composite
def apart(draw: st.DrawFn, axes: int) -> Arguments:
    """Windows of which no two share an element: else one of several would be lost."""
    kernel = draw(one_or_all(few, axes))
    stride = tuple(size + draw(st.integers(0, 1)) for size in each(kernel, axes))
    return {"kernel_size": kernel, "stride": draw(st.none() | st.just(stride))}


def unpooled(axes: int) -> Row:
    """Elements, and where the maximum of windows of random numbers was."""

    @st.composite
    def inputs(draw: st.DrawFn, arguments: Arguments) -> Inputs:
        kernels = each(arguments["kernel_size"], axes)
        strides = arguments["stride"] or kernels
        sizes = [draw(st.integers(0, 2)) * stride + kernel for kernel, stride in zip(kernels, strides)]
        x = draw(normal(*draw(st.sampled_from([[], [1], [2]])), 2, *sizes))
        y, indices = getattr(torch.nn, f"MaxPool{axes}d")(**arguments, return_indices=True)(x)
        return draw(normal(*y.shape)), indices

    return inputs


@st.composite
def fractional(draw: st.DrawFn, axes: int) -> Arguments:
    """A size or a ratio, for which inputs of 5 and more have room."""
    ratios = st.sampled_from([0.3, 0.4, 0.5])
    name, numbers = draw(st.sampled_from([("output_size", few), ("output_ratio", ratios)]))
    return {
        "kernel_size": draw(one_or_all(st.integers(1, 2), axes)),
        name: draw(numbers | st.tuples(*[numbers] * axes)),
        "return_indices": draw(st.booleans()),
        "_random_samples": draw(samples(axes)),
    }


@st.composite
def samples(draw: st.DrawFn, axes: int) -> Tensor:
    """Of numbers that give the same windows in every precision."""
    size = (draw(st.integers(1, 2)), 2, axes)
    generator = torch.Generator().manual_seed(draw(seeds))
    numbers = torch.tensor([0.05, 0.3, 0.55, 0.85], dtype=torch.float64)
    return numbers[torch.randint(4, size, generator=generator)]


@st.composite
def sampled(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    batch, channels, axes = arguments["_random_samples"].shape
    sizes = [draw(st.integers(5, 8)) for _ in range(axes)]
    return (draw(normal(*([] if batch == 1 and draw(st.booleans()) else [batch]), channels, *sizes)),)


def row(name: str, axes: int, arguments: st.SearchStrategy[Arguments], inputs: Row, **options: Any) -> Case:
    name = f"{name}{axes}d"
    ours, theirs = getattr(nn, name), getattr(torch.nn, name)
    return Case(ours, theirs=theirs, arguments=arguments, inputs=inputs, **options)


CASES = [
    case
    for axes in (1, 2, 3)
    for case in (
        row("MaxPool", axes, maxima(axes), pooled(axes)),
        row("AvgPool", axes, averages(axes), whole(axes)),
        row("LPPool", axes, norms(axes), positive(axes), within=made_positive),
        row("AdaptiveMaxPool", axes, adaptive_maxima(axes), brought(axes)),
        row("AdaptiveAvgPool", axes, adaptive(axes), brought(axes)),
        row("MaxUnpool", axes, apart(axes), unpooled(axes)),
    )
] + [row("FractionalMaxPool", axes, fractional(axes), sampled) for axes in (2, 3)]
