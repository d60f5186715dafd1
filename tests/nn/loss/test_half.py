"""Losses in half precision and at infinities, held against torch.nn of the same dtype."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from plaingrad import nn

inf, nan = float("inf"), float("nan")
HALF = [torch.float16, torch.bfloat16]
ALIKE = ["MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss"]
LOSSES = [*ALIKE, "PoissonNLLLoss", "BCELoss", "BCEWithLogitsLoss", "CrossEntropyLoss", "NLLLoss"]
REDUCTIONS = ["mean", "sum", "none"]


def case(name: str, generator: torch.Generator, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    x, t = (torch.randn(6, 4, generator=generator).to(dtype) for _ in range(2))
    if name in ("CrossEntropyLoss", "NLLLoss"):
        return 3 * x, torch.randint(4, (6,), generator=generator)
    if name == "BCELoss":
        return x.sigmoid(), t.sigmoid()
    return x, t.abs() if name == "PoissonNLLLoss" else t.sigmoid()


def both(name: str, x: Tensor, t: Tensor, dloss: Tensor, **options: Any) -> list[tuple[Tensor, Tensor]]:
    """Ours and torch's: loss and gradient."""
    ours = getattr(nn, name)(**options)
    loss, gradient = ours(x, t), ours.backward(dloss)
    leaf = x.clone().requires_grad_()
    expected = getattr(torch.nn, name)(**options)(leaf, t)
    expected.backward(dloss)
    assert leaf.grad is not None
    return [(loss, expected.detach()), (gradient, leaf.grad)]


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(LOSSES),
    reduction=st.sampled_from(REDUCTIONS),
    dtype=st.sampled_from(HALF),
    seed=st.integers(0, 2**32 - 1),
)
def test_half_precision(name: str, reduction: str, dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    x, t = case(name, generator, dtype)
    shape = t.shape if reduction == "none" else ()
    dloss = torch.randn(shape, generator=generator).to(dtype)
    eps = torch.finfo(dtype).eps
    for found, expected in both(name, x, t, dloss, reduction=reduction):
        scale = max(1.0, expected.abs().max().item())
        torch.testing.assert_close(found, expected, rtol=4 * eps, atol=4 * eps * scale)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "NLLLoss"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_sums_are_taken_in_float32(name: str, weighted: bool, dtype: torch.dtype) -> None:
    """The number of samples, and the sum of their losses, are beyond float16."""
    x, t = torch.full((70_000, 2), math.log(0.5), dtype=dtype), torch.zeros(70_000, dtype=torch.int64)
    loss = getattr(nn, name)(torch.ones(2, dtype=dtype) if weighted else None)
    t[0] = -100
    value, dx = loss(x, t), loss.backward()
    assert value.dtype == dx.dtype == dtype
    eps = torch.finfo(dtype).eps
    assert value.item() == pytest.approx(math.log(2), rel=2 * eps)
    assert dx[1, 0].item() == pytest.approx((-1 if name == "NLLLoss" else -0.5) / 69_999, rel=0.01)


@pytest.mark.parametrize("dtype", HALF, ids=str)
def test_certain_probabilities_keep_their_gradient_finite_or_signed(dtype: torch.dtype) -> None:
    """1e-12 is 0 in float16."""
    loss = nn.BCELoss(reduction="sum")
    loss(torch.tensor([0, 1, 0, 1], dtype=dtype), torch.tensor([0, 1, 1, 0], dtype=dtype))
    right, wrong = loss.backward().split(2)
    assert torch.equal(right, torch.zeros(2, dtype=dtype))
    assert wrong[0] <= -6e4
    assert wrong[1] >= 6e4


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(LOSSES),
    reduction=st.sampled_from(REDUCTIONS),
    seed=st.integers(0, 2**32 - 1),
    values=st.lists(st.sampled_from([0.0, -1.0, 300.0, 1000.0, -1000.0, inf, -inf, nan]), min_size=6),
    up=st.sampled_from([1.0, 0.0, inf, -inf]),
)
def test_where_torch_gives_a_number_ours_is_that_number(
    name: str, reduction: str, seed: int, values: list[float], up: float
) -> None:
    """For predictions, targets and upstream gradients that are not finite."""
    generator = torch.Generator().manual_seed(seed)
    x, t = case(name, generator, torch.float64)
    odd = torch.tensor(values[:24], dtype=torch.float64)
    if name == "BCELoss":
        odd = odd.clamp(0, 1).nan_to_num(0.5)
    x.view(-1)[: len(odd)] = odd
    if name in ALIKE:
        t.view(-1)[: len(odd) // 2] = odd.flip(0)[: len(odd) // 2]
    dloss = torch.full(t.shape if reduction == "none" else (), up, dtype=torch.float64)
    # float32 constants inside torch's BCELoss and Poisson losses
    for found, expected in both(name, x, t, dloss, reduction=reduction):
        number = ~expected.isnan()
        torch.testing.assert_close(found[number], expected[number], rtol=1e-6, atol=1e-9)
