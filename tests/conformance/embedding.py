"""Rows of the conformance table: embeddings."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, seeds, sizes
from plaingrad import nn


class TorchColumnEmbedding(torch.nn.Module):
    def __init__(
        self, in_features: int, columns: dict[int, tuple[int, int]], device: None = None, dtype: None = None
    ) -> None:
        super().__init__()
        self.passed = [c for c in range(in_features) if c not in columns]
        self.tables = torch.nn.ModuleDict({str(c): torch.nn.Embedding(*columns[c]) for c in sorted(columns)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        vectors = [table(x[..., int(c)].long()) for c, table in self.tables.items()]
        return torch.cat([*(x[..., c : c + 1] for c in self.passed), *vectors], -1)


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


@st.composite
def tables(draw: st.DrawFn) -> Arguments:
    features = draw(sizes)
    coded = draw(st.permutations(range(features)))[: draw(st.integers(1, features))]
    return {"in_features": features, "columns": {c: (draw(sizes), draw(sizes)) for c in coded}}


@st.composite
def table(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Normal numbers, and codes in the columns of codes."""
    x = draw(normal(*draw(st.lists(sizes, min_size=1, max_size=2)), arguments["in_features"]))
    generator = torch.Generator().manual_seed(draw(seeds))
    for column, (codes, _) in arguments["columns"].items():
        x[..., column] = torch.randint(codes, x.shape[:-1], generator=generator).double()
    return (x,)


def codes(arguments: Arguments, inputs: Inputs) -> Inputs:
    """Whole numbers from the tables in the columns of codes."""
    x = inputs[0].clone()
    for column, (count, _) in arguments["columns"].items():
        x[..., column] = x[..., column].nan_to_num(0, 0, 0).floor() % count
    return (x,)


CASES = [
    Case(
        ours=nn.Embedding,
        theirs=torch.nn.Embedding,
        arguments=arguments(),
        inputs=lambda arguments: indices(arguments["num_embeddings"]),
    ),
    Case(
        ours=nn.ColumnEmbedding,
        theirs=TorchColumnEmbedding,
        arguments=tables(),
        inputs=table,
        within=codes,
    ),
]
