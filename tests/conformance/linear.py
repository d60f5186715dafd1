"""Rows of the conformance table: the fully connected layer."""

import torch
from hypothesis import strategies as st

from conformance.case import Case, normal, sizes
from plaingrad import nn

CASES = [
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
