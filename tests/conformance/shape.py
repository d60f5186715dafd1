"""Rows of the conformance table: layers that lay their input out anew."""

import math

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn

# Whatever these join, a tensor of five axes has it.
joined = [(1, -1), (0, -1), (0, 0), (1, 2), (2, -1), (-2, -1), (-3, 3), (4, 4), (-5, 4)]


def deep(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    return st.tuples(normal(*[sizes] * 5))


@st.composite
def splits(draw: st.DrawFn) -> Arguments:
    parts = draw(st.lists(sizes, min_size=1, max_size=3))
    if draw(st.booleans()):
        parts[draw(st.integers(0, len(parts) - 1))] = -1
    return {"dim": draw(st.integers(-3, 2)), "unflattened_size": draw(st.sampled_from([tuple, list]))(parts)}


@st.composite
def joint(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """An input whose axis can be split so."""
    dim, shape = arguments["dim"], draw(st.lists(sizes, min_size=3, max_size=4))
    shape[dim] = math.prod(size if size > 0 else draw(sizes) for size in arguments["unflattened_size"])
    return (draw(normal(*shape)),)


CASES = [
    Case(ours=nn.Unflatten, theirs=torch.nn.Unflatten, arguments=splits(), inputs=joint),
    Case(
        ours=nn.Identity,
        theirs=torch.nn.Identity,
        arguments=st.sampled_from([{}, {"in_features": 3, "bias": None}]),
        inputs=lambda _: st.one_of(st.tuples(normal()), st.tuples(normal(sizes, sizes))),
    ),
    Case(
        ours=nn.Flatten,
        theirs=torch.nn.Flatten,
        arguments=st.sampled_from(joined).map(lambda dims: {"start_dim": dims[0], "end_dim": dims[1]}),
        inputs=deep,
    ),
]
