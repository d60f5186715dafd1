"""Rows of the conformance table: containers, each with a fixed content."""

from types import ModuleType
from typing import Any

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn


def layers(library: ModuleType, features: int, hidden: int, out: int) -> list[Any]:
    first = library.Linear(features, hidden)
    return [first, library.ReLU(), library.Linear(hidden, out, bias=False), library.Identity()]


class Sequential(nn.Sequential):
    def __init__(self, features: int, hidden: int, out: int) -> None:
        super().__init__(*layers(nn, features, hidden, out))


class TorchSequential(torch.nn.Sequential):
    def __init__(self, features: int, hidden: int, out: int) -> None:
        super().__init__(*layers(torch.nn, features, hidden, out))


class Residual(nn.Residual):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__(*layers(nn, features, hidden, features))


class TorchResidual(torch.nn.Sequential):
    def __init__(self, features: int, hidden: int) -> None:
        super().__init__(*layers(torch.nn, features, hidden, features))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


def branches(library: ModuleType, features: int, hidden: int, out: int) -> list[Any]:
    shared = library.Linear(features, out)
    chain = library.Sequential(*layers(library, features, hidden, out))
    return [shared, chain, shared]


class Parallel(nn.Parallel):
    def __init__(self, features: int, hidden: int, out: int, combine: str, dim: int) -> None:
        super().__init__(*branches(nn, features, hidden, out), combine=combine, dim=dim)


class TorchParallel(torch.nn.ModuleList):
    def __init__(self, features: int, hidden: int, out: int, combine: str, dim: int) -> None:
        super().__init__(branches(torch.nn, features, hidden, out))
        self.combine = combine
        self.dim = dim

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [branch(x) for branch in self]
        return torch.stack(parts).sum(0) if self.combine == "sum" else torch.cat(parts, self.dim)


class Words(nn.Parallel):
    """Branches of different widths that take integers."""

    def __init__(self, words: int, left: int, right: int) -> None:
        super().__init__(nn.Embedding(words, left), nn.Embedding(words, right), combine="concat")


class TorchWords(torch.nn.ModuleList):
    def __init__(self, words: int, left: int, right: int) -> None:
        super().__init__([torch.nn.Embedding(words, left), torch.nn.Embedding(words, right)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([table(x) for table in self], -1)


def features(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    width = arguments["features"]
    return st.one_of(st.tuples(normal(sizes, width)), st.tuples(normal(sizes, sizes, width)))


def words(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    index = st.integers(0, arguments["words"] - 1)
    return st.lists(index, min_size=1, max_size=6).map(lambda indices: (torch.tensor(indices),))


sized = {"features": sizes, "hidden": sizes}
combined = {"combine": st.sampled_from(["sum", "concat"]), "dim": st.sampled_from([-1, 0, 1])}

CASES = [
    Case(
        ours=Sequential,
        theirs=TorchSequential,
        arguments=st.fixed_dictionaries({**sized, "out": sizes}),
        inputs=features,
    ),
    Case(
        ours=Residual,
        theirs=TorchResidual,
        arguments=st.fixed_dictionaries(sized),
        inputs=features,
    ),
    Case(
        ours=Parallel,
        theirs=TorchParallel,
        arguments=st.fixed_dictionaries({**sized, "out": sizes, **combined}),
        inputs=features,
    ),
    Case(
        ours=Words,
        theirs=TorchWords,
        arguments=st.fixed_dictionaries({"words": sizes, "left": sizes, "right": sizes}),
        inputs=words,
    ),
]
