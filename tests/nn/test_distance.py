from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import ModuleError, nn

NAMES = ("CosineSimilarity", "PairwiseDistance")


def assert_as_torch(name: str, arguments: dict[str, Any], x1: Tensor, x2: Tensor) -> None:
    """Outputs and both gradients are torch's."""
    ours, leaves = getattr(nn, name)(**arguments), [x.clone().requires_grad_() for x in (x1, x2)]
    with torch.enable_grad():
        expected = getattr(torch.nn, name)(**arguments)(*leaves)
    y = ours(x1, x2)
    torch.testing.assert_close(y, expected.detach())
    dy = torch.randn_like(y)
    expected = torch.autograd.grad(expected, leaves, dy, allow_unused=True)
    for dx, right in zip(ours.backward(dy), expected):
        torch.testing.assert_close(dx, torch.zeros_like(dx) if right is None else right)


@pytest.mark.parametrize("sizes", [[(4, 3), (4, 3)], [(4, 3), (3,)], [(3,), (2, 4, 3)], [(4, 1), (1, 3)]])
@pytest.mark.parametrize("name", NAMES)
def test_inputs_that_spread_over_one_shape(name: str, sizes: list[tuple[int, ...]]) -> None:
    arguments = {"dim": -1} if name == "CosineSimilarity" else {}
    assert_as_torch(name, arguments, *[torch.randn(size, dtype=torch.float64) for size in sizes])


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, -1.0, math.inf, -math.inf])
def test_equal_vectors_and_equal_differences_have_the_gradients_of_torch(p: float) -> None:
    x1 = torch.tensor([[1.0, 2.0, 3.0], [1.0, 1.0, 3.0], [1.0, 1.0, 1.0], [-2.0, 0.5, 2.0]])
    x2 = torch.tensor([[1.0, 2.0, 3.0], [1.0, 2.0, 2.0], [1.0, 1.0, 3.0], [0.0, 2.5, 0.0]])
    assert_as_torch("PairwiseDistance", {"p": p, "eps": 0.0}, x1, x2)
    assert_as_torch("PairwiseDistance", {"p": p, "keepdim": True}, x1, x2)


def test_the_shares_of_equal_differences_are_of_double_precision() -> None:
    distance, x = nn.PairwiseDistance(math.inf, eps=0.0), torch.zeros(3, dtype=torch.float64)
    distance(x + 1, x)
    assert distance.backward(torch.tensor(1.0, dtype=torch.float64))[0].tolist() == [1 / 3] * 3


def test_vectors_that_are_equal_or_zero_have_the_gradients_of_torch() -> None:
    x = torch.tensor([[1.0, 2.0, -3.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    assert_as_torch("CosineSimilarity", {}, x, x.clone())
    assert_as_torch("CosineSimilarity", {}, x, x.flip(0))


def test_single_numbers_have_a_distance() -> None:
    assert_as_torch("PairwiseDistance", {}, torch.tensor(2.0), torch.tensor(5.0))


def test_half_precision_is_rounded_once() -> None:
    x1, x2 = torch.randn(2, 5, 40).half()
    exact = nn.PairwiseDistance()(x1.double(), x2.double())
    torch.testing.assert_close(nn.PairwiseDistance()(x1, x2), exact.half(), rtol=1e-3, atol=0)


@pytest.mark.parametrize("name", NAMES)
def test_what_does_not_fit(name: str) -> None:
    layer, x = nn.Sequential(getattr(nn, name)())[0], torch.ones(2, 3)
    with pytest.raises(ModuleError, match=r"a second input of torch.float32 as the first, got \(2, 3\) of"):
        layer(x, x.double())
    message = r"expected a second input that spreads over the first, \(2, 3\), got \(2, 4\)"
    with pytest.raises(ModuleError, match=message):
        layer(x, torch.ones(2, 4))
