"""Rows of the conformance table: distances of pairs of vectors."""

import torch
from hypothesis import strategies as st

from conformance.case import Arguments, Case, Inputs, normal, sizes
from plaingrad import nn


class ExactCosineSimilarity(torch.nn.CosineSimilarity):
    """torch.nn's outputs with their own gradients, which torch.nn's are not for vectors shorter than eps."""

    def forward(self, x1: torch.Tensor, x2: torch.Tensor) -> torch.Tensor:
        pair = torch.broadcast_tensors(x1, x2)
        norms = [torch.linalg.vector_norm(x, dim=self.dim, keepdim=True).clamp(min=self.eps) for x in pair]
        return (pair[0] / norms[0] * (pair[1] / norms[1])).sum(self.dim)


@st.composite
def alike(draw: st.DrawFn, least: int = 1, *kinds: str) -> Inputs:
    """Two inputs of so many axes or more that spread over one shape: any, equal, or of whole numbers."""
    shape = draw(st.lists(sizes, min_size=least, max_size=4))
    x1, x2 = (draw(normal(*[draw(st.sampled_from([size, size, 1])) for size in shape])) for _ in range(2))
    kind = draw(st.sampled_from(["any", *kinds]))
    return {"any": (x1, x2), "equal": (x1, x1.clone()), "whole": (x1.round(), x2.round())}[kind]


def along(arguments: Arguments) -> st.SearchStrategy[Inputs]:
    dim = arguments.get("dim", 1)
    return alike(dim + 1 if dim >= 0 else -dim, "equal")


CASES = [
    Case(
        ours=nn.CosineSimilarity,
        theirs=ExactCosineSimilarity,
        arguments=st.fixed_dictionaries(
            {}, optional={"dim": st.integers(-2, 2), "eps": st.sampled_from([1e-8, 1e-3, 0.5])}
        ),
        inputs=along,
    ),
    Case(
        ours=nn.PairwiseDistance,
        theirs=torch.nn.PairwiseDistance,
        arguments=st.fixed_dictionaries(
            {},
            optional={
                "p": st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, float("inf"), -float("inf")]),
                "eps": st.sampled_from([0.0, 1e-6, 0.1]),
                "keepdim": st.booleans(),
            },
        ),
        inputs=lambda _: alike(1, "any", "equal", "whole"),
    ),
]
