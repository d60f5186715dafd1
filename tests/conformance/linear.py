"""Rows of the conformance table: the fully connected layer."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn


@st.composite
def pairs(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Two inputs with one batch of any number of axes."""
    batch = draw(st.lists(sizes, max_size=2))
    return tuple(draw(normal(*batch, arguments[name])) for name in ("in1_features", "in2_features"))


CASES = [
    Case(
        ours=nn.Bilinear,
        theirs=torch.nn.Bilinear,
        arguments=st.fixed_dictionaries(
            {"in1_features": sizes, "in2_features": sizes, "out_features": sizes, "bias": st.booleans()}
        ),
        inputs=pairs,
    ),
    Case(
        ours=nn.Linear,
        theirs=torch.nn.Linear,
        arguments=st.fixed_dictionaries({"in_features": sizes, "out_features": sizes, "bias": st.booleans()}),
        inputs=lambda arguments: st.one_of(
            st.tuples(normal(sizes, arguments["in_features"])),
            st.tuples(normal(sizes, sizes, arguments["in_features"])),
            st.tuples(normal(arguments["in_features"])),
        ),
    ),
]
