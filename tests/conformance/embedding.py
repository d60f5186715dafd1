"""Rows of the conformance table: embeddings."""

import torch
from hypothesis import strategies as st
from torch import Tensor

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


class ExactEmbeddingBag(torch.nn.EmbeddingBag):
    """torch.nn's, whose own gradients with scale_grad_by_freq divide by counts of other rows."""

    def forward(
        self, input: Tensor, offsets: Tensor | None = None, per_sample_weights: Tensor | None = None
    ) -> Tensor:
        if not self.scale_grad_by_freq:
            return super().forward(input, offsets, per_sample_weights)
        with torch.no_grad():  # the vectors are shortened
            super().forward(input, offsets, per_sample_weights)
        counts = input.flatten().bincount(minlength=self.num_embeddings).clamp(min=1).unsqueeze(1)
        share = 1 / counts.to(self.weight.dtype)
        weight = self.weight * share + (self.weight * (1 - share)).detach()
        return torch.nn.functional.embedding_bag(
            input,
            weight,
            offsets,
            mode=self.mode,
            per_sample_weights=per_sample_weights,
            include_last_offset=self.include_last_offset,
            padding_idx=self.padding_idx,
        )


@st.composite
def bag_arguments(draw: st.DrawFn) -> Arguments:
    words, mode = draw(sizes), draw(st.sampled_from(["sum", "sum", "mean", "max"]))
    optional = {
        "padding_idx": st.integers(-words, words - 1),
        "max_norm": st.floats(0.1, 3),
        "norm_type": st.sampled_from([1.0, 2.0, 3.5, float("inf")]),
        "scale_grad_by_freq": st.booleans() if mode != "max" else st.just(False),
        "include_last_offset": st.booleans(),
    }
    given = draw(st.fixed_dictionaries({}, optional=optional))
    return {"num_embeddings": words, "embedding_dim": draw(sizes), "mode": mode, **given}


@st.composite
def bags(draw: st.DrawFn, arguments: Arguments) -> Inputs:
    """Bags of one size, or of any sizes, some empty, with offsets and perhaps weights."""
    generator = torch.Generator().manual_seed(draw(seeds))
    if draw(st.booleans()):
        return (torch.randint(arguments["num_embeddings"], (draw(sizes), draw(sizes)), generator=generator),)
    counts = torch.tensor(draw(st.lists(st.integers(0, 4), min_size=1, max_size=4)))
    x = torch.randint(arguments["num_embeddings"], (int(counts.sum()),), generator=generator)
    ends = counts.cumsum(0)
    offsets = torch.cat([ends.new_zeros(1), ends])
    offsets = offsets if arguments.get("include_last_offset") else offsets[:-1]
    if arguments["mode"] != "sum" or draw(st.booleans()):
        return x, offsets
    return x, offsets, draw(normal(len(x)))


CASES = [
    Case(ours=nn.EmbeddingBag, theirs=ExactEmbeddingBag, arguments=bag_arguments(), inputs=bags),
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
