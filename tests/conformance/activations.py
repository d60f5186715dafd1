"""Rows of the conformance table: activations."""

import torch
from hypothesis import strategies as st

from conformance.case import Case, normal, sizes
from plaingrad import nn

CASES = [
    Case(
        ours=nn.ReLU,
        theirs=torch.nn.ReLU,
        arguments=st.just({}),
        inputs=lambda _: st.tuples(normal(sizes, sizes)),
    ),
]
