"""Losses in half precision: large sums and certain probabilities."""

from __future__ import annotations

import math

import pytest
import torch

from plaingrad import nn

HALF = [torch.float16, torch.bfloat16]


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
