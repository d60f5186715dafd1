"""Rows of the conformance table: activations."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn
from plaingrad.module import Module


class ExactHardsigmoid(torch.nn.Hardsigmoid):
    """torch.nn's, whose own derivative is 1/6 in single precision even in double precision."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.relu6(input + 3) / 6


def shapes(least: int = 0, most: int = 4) -> st.SearchStrategy[list[int]]:
    return st.lists(sizes, min_size=least, max_size=most)


def any_shape(_: Arguments) -> st.SearchStrategy[Inputs]:
    return st.tuples(shapes().flatmap(lambda shape: normal(*shape, scale=2)))


def elementwise(name: str, theirs: type[torch.nn.Module] | None = None, **arguments: object) -> Case:
    """A class that takes each element for itself; ``inplace`` has its own test, so it is always False."""
    ours: type[Module] = getattr(nn, name)
    return Case(
        ours=ours,
        theirs=theirs or getattr(torch.nn, name),
        arguments=st.fixed_dictionaries({}, optional=arguments),
        inputs=any_shape,
    )


def between(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_subnormal=False)


inplace = st.just(False)
dims = st.integers(-3, 2)
# torch.nn's CELU rounds 1 / alpha to single precision even in double precision; these are exact in both.
powers_of_two = st.sampled_from([-2.0, 0.25, 0.5, 1.0, 2.0, 4.0])


@st.composite
def channels(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """An input whose second axis is as long as PReLU has slopes."""
    count = arguments.get("num_parameters", 1)
    shape = draw(shapes() if count == 1 else shapes(least=1, most=3))
    return (draw(normal(*shape[:1], *([count] if count > 1 else []), *shape[1:], scale=2)),)


@st.composite
def with_axis(draw: st.DrawFn, dim: int, multiple_of: int = 1) -> Inputs:
    """An input that has axis ``dim``, there with a size that is a multiple."""
    shape = draw(shapes(least=dim + 1 if dim >= 0 else -dim))
    shape[dim] *= multiple_of
    return (draw(normal(*shape, scale=2)),)


def softmax(name: str) -> Case:
    """A class that normalises along ``dim``; without one, along an axis that every input has."""
    return Case(
        ours=getattr(nn, name),
        theirs=getattr(torch.nn, name),
        arguments=st.fixed_dictionaries({}, optional={"dim": st.none() | dims}),
        inputs=lambda arguments: (
            any_shape(arguments) if arguments.get("dim") is None else with_axis(arguments["dim"])
        ),
    )


CASES = [
    elementwise("ReLU", inplace=inplace),
    elementwise("ReLU6", inplace=inplace),
    elementwise("LeakyReLU", negative_slope=between(-2, 2), inplace=inplace),
    Case(
        ours=nn.PReLU,
        theirs=torch.nn.PReLU,
        arguments=st.fixed_dictionaries({}, optional={"num_parameters": sizes, "init": between(-2, 2)}),
        inputs=channels,
    ),
    Case(
        ours=nn.RReLU,
        theirs=torch.nn.RReLU,
        arguments=st.fixed_dictionaries(
            {}, optional={"lower": between(-1, 0.2), "upper": between(0.2, 2), "inplace": inplace}
        ),
        inputs=any_shape,
        random=True,
    ),
    Case(
        ours=nn.Threshold,
        theirs=torch.nn.Threshold,
        arguments=st.fixed_dictionaries(
            {"threshold": between(-2, 2), "value": between(-2, 2)}, optional={"inplace": inplace}
        ),
        inputs=any_shape,
    ),
    elementwise("Sigmoid"),
    elementwise("LogSigmoid"),
    elementwise("Hardsigmoid", theirs=ExactHardsigmoid, inplace=inplace),
    elementwise("SiLU", inplace=inplace),
    elementwise("Hardswish", inplace=inplace),
    elementwise("Tanh"),
    elementwise("Hardtanh", min_val=between(-2, 0.5), max_val=between(0.6, 2), inplace=inplace),
    elementwise("Tanhshrink"),
    elementwise("ELU", alpha=between(-2, 2), inplace=inplace),
    elementwise("CELU", alpha=powers_of_two, inplace=inplace),
    elementwise("SELU", inplace=inplace),
    elementwise("GELU", approximate=st.sampled_from(["none", "tanh"])),
    elementwise("Softplus", beta=between(0.1, 3) | between(-3, -0.1), threshold=between(-2, 20)),
    elementwise("Mish", inplace=inplace),
    elementwise("Softsign"),
    elementwise("Softshrink", lambd=between(0, 2)),
    elementwise("Hardshrink", lambd=between(-1, 2)),
    Case(
        ours=nn.GLU,
        theirs=torch.nn.GLU,
        arguments=st.fixed_dictionaries({}, optional={"dim": dims}),
        inputs=lambda arguments: with_axis(arguments.get("dim", -1), multiple_of=2),
    ),
    softmax("Softmax"),
    softmax("Softmin"),
    softmax("LogSoftmax"),
    Case(
        ours=nn.Softmax2d,
        theirs=torch.nn.Softmax2d,
        arguments=st.just({}),
        inputs=lambda _: st.tuples(shapes(least=3).flatmap(lambda shape: normal(*shape, scale=2))),
    ),
]
