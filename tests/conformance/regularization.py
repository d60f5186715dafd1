"""Rows of the conformance table: dropout."""

import torch
from hypothesis import strategies as st

from conformance.case import Case, normal, sizes
from plaingrad import nn


def dropout(name: str, *axes: int) -> Case:
    """A class that takes inputs with so many axes."""
    return Case(
        ours=getattr(nn, name),
        theirs=getattr(torch.nn, name),
        arguments=st.fixed_dictionaries({}, optional={"p": st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0])}),
        inputs=lambda _: st.one_of(*[st.tuples(normal(*[sizes] * count)) for count in axes]),
        random=True,
        same_draws=True,
    )


CASES = [
    dropout("Dropout", 1, 3),
    dropout("Dropout1d", 2, 3),
    dropout("Dropout2d", 4),
    dropout("Dropout3d", 4, 5),
    dropout("AlphaDropout", 0, 1, 3),
    dropout("FeatureAlphaDropout", 2, 3, 4, 5),
]
