"""Rows of the conformance table: normalisation."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn

batches = st.integers(2, 5)
eps = st.sampled_from([1e-5, 1e-3, 0.5])


def channels(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    features = arguments["num_features"]
    return st.one_of(
        st.tuples(normal(batches, features)),
        st.tuples(normal(batches, features, sizes)),
        st.tuples(normal(1, features, batches)),
    )


def trailing(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    shape = arguments["normalized_shape"]
    shape = [shape] if isinstance(shape, int) else shape
    return st.one_of(*[st.tuples(normal(*[sizes] * leading, *shape)) for leading in range(4)])


CASES = [
    Case(
        ours=nn.BatchNorm1d,
        theirs=torch.nn.BatchNorm1d,
        arguments=st.fixed_dictionaries(
            {
                "num_features": sizes,
                "eps": eps,
                "momentum": st.sampled_from([None, 0.0, 0.1, 1.0]),
                "affine": st.booleans(),
                "track_running_stats": st.booleans(),
                "bias": st.booleans(),
            }
        ),
        inputs=channels,
    ),
    Case(
        ours=nn.LayerNorm,
        theirs=torch.nn.LayerNorm,
        arguments=st.fixed_dictionaries(
            {
                "normalized_shape": st.one_of(sizes, st.lists(sizes, min_size=1, max_size=3)),
                "eps": eps,
                "elementwise_affine": st.booleans(),
                "bias": st.booleans(),
            }
        ),
        inputs=trailing,
    ),
]
