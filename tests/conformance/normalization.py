"""Rows of the conformance table: normalisation."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn

batches = st.integers(2, 5)
eps = st.sampled_from([1e-5, 1e-3, 0.5])


def batched(arguments: Arguments, *axes: int) -> st.SearchStrategy[Inputs]:
    """A batch with so many axes behind the channels, of more than one value per channel."""
    features = arguments["num_features"]
    return st.one_of(
        *[st.tuples(normal(batches, features, *[sizes] * rest)) for rest in axes],
        *[st.tuples(normal(1, features, batches, *[sizes] * (rest - 1))) for rest in axes if rest],
    )


def trailing(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    shape = arguments["normalized_shape"]
    shape = [shape] if isinstance(shape, int) else shape
    return st.one_of(*[st.tuples(normal(*[sizes] * leading, *shape)) for leading in range(4)])


def batch_norm(name: str, *axes: int) -> Case:
    return Case(
        ours=getattr(nn, name),
        theirs=getattr(torch.nn, name),
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
        inputs=lambda arguments: batched(arguments, *axes),
    )


CASES = [
    batch_norm("BatchNorm1d", 0, 1),
    batch_norm("BatchNorm2d", 2),
    batch_norm("BatchNorm3d", 3),
    batch_norm("SyncBatchNorm", 0, 1, 2, 3),
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
