"""Rows of the conformance table: losses."""

import torch
from hypothesis import strategies as st

from conformance.case import Case, normal, sizes
from plaingrad import nn

reductions = st.sampled_from(["mean", "sum", "none"])


def alike(_: object) -> st.SearchStrategy[tuple[torch.Tensor, ...]]:
    """A prediction and a target of one shape."""
    return st.tuples(sizes, sizes).flatmap(lambda shape: st.tuples(normal(*shape), normal(*shape)))


CASES = [
    Case(
        ours=nn.MSELoss,
        theirs=torch.nn.MSELoss,
        arguments=st.fixed_dictionaries({"reduction": reductions}),
        inputs=alike,
    ),
]
