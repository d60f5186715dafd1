"""Rows of the conformance table: layers that lay their input out anew."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn

# Whatever these join, a tensor of five axes has it.
joined = [(1, -1), (0, -1), (0, 0), (1, 2), (2, -1), (-2, -1), (-3, 3), (4, 4), (-5, 4)]


def deep(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    return st.tuples(normal(*[sizes] * 5))


CASES = [
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
