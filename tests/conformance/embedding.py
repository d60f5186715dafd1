"""Rows of the conformance table: embeddings."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, seeds, sizes
from plaingrad import nn


@st.composite
def arguments(draw: st.DrawFn) -> Arguments:
    words = draw(sizes)
    return {
        "num_embeddings": words,
        "embedding_dim": draw(sizes),
        "padding_idx": draw(st.none() | st.integers(-words, words - 1)),
        "max_norm": draw(st.none() | st.floats(0.1, 3)),
        "norm_type": draw(st.sampled_from([1.0, 2.0, 3.5, float("inf")])),
        "scale_grad_by_freq": draw(st.booleans()),
    }


@st.composite
def indices(draw: st.DrawFn, words: int) -> Inputs:
    shape = draw(st.lists(sizes, max_size=3))
    generator = torch.Generator().manual_seed(draw(seeds))
    dtype = draw(st.sampled_from([torch.int64, torch.int32]))
    return (torch.randint(words, shape, generator=generator).to(dtype),)


CASES = [
    Case(
        ours=nn.Embedding,
        theirs=torch.nn.Embedding,
        arguments=arguments(),
        inputs=lambda arguments: indices(arguments["num_embeddings"]),
    ),
]
