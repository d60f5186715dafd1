"""Rows of the conformance table: dropout."""

import torch
from hypothesis import strategies as st

from conformance.case import Case, normal, sizes
from plaingrad import nn

CASES = [
    Case(
        ours=nn.Dropout,
        theirs=torch.nn.Dropout,
        arguments=st.fixed_dictionaries({"p": st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])}),
        inputs=lambda _: st.one_of(st.tuples(normal(sizes)), st.tuples(normal(sizes, sizes, sizes))),
        random=True,
    ),
]
