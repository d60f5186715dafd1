"""Einsum: what does not fit is refused with the place in the network."""

from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize(
    ("equation", "sizes", "expected"),
    [
        ("ij,jk->ik", [(2, 3), (4, 5)], r"axes j of one size, got \(2, 3\) and \(4, 5\)"),
        ("ij,jk,kl->il", [(2, 3), (3, 4), (5, 2)], "axes k of one size"),
        ("i,j,ji->i", [(2,), (3,), (2, 3)], "axes j of one size"),
        ("...j,...j->...", [(2, 3), (4, 3)], r"axes of \.\.\. of one size"),
        ("ij,ij,ij->i", [(2, 3), (1, 3), (4, 3)], "axes i of one size"),
        ("ij,jk->ik", [(2, 0), (3, 5)], "axes j of one size"),
    ],
)
def test_sizes_that_differ_are_refused(equation: str, sizes: list[tuple[int, ...]], expected: str) -> None:
    inputs = [f"x{k}" for k in range(len(sizes))]
    graph = nn.Graph(inputs, {"product": (nn.Einsum(equation), *inputs)}, "product")
    with pytest.raises(ModuleError, match=r"^Graph\[product\] Einsum.*: expected " + expected):
        graph.forward(*map(torch.randn, sizes))


@pytest.mark.parametrize("sizes", [[(2, 3), (1, 5)], [(2, 1), (3, 5)], [(2, 0), (1, 5)], [(2, 0), (0, 5)]])
def test_a_size_of_1_spreads(sizes: list[tuple[int, ...]]) -> None:
    x, w = map(torch.randn, sizes)
    y = nn.Einsum("ij,jk->ik").forward(x, w)
    torch.testing.assert_close(y, torch.einsum("ij,jk->ik", x, w))


@pytest.mark.parametrize("equation", ["ij,jk->il", "ij,jk,kl->iz", "ij->ii", "ij->i->j"])
def test_an_output_that_the_inputs_do_not_have_is_refused(equation: str) -> None:
    with pytest.raises(ModuleError, match="expected output letters of the inputs, each once"):
        nn.Einsum(equation)
