"""Small factors (1 / n, upstream gradients, weights) times slopes that only they keep finite."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import nn

upstreams = pytest.mark.parametrize(
    ("reduction", "upstream"), [("mean", 1.0), ("sum", 1e-3), ("none", 1e-3)], ids=["mean", "sum", "none"]
)


def agree(name: str, inputs: list[Any], upstream: float, **arguments: Any) -> None:
    """Hold our gradients against torch.nn's in double precision, which are finite in the inputs' dtype."""
    loss = getattr(nn, name)(**arguments)
    value = loss(*inputs)
    gradients = loss.backward(torch.full_like(value, upstream))
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    doubled = {name: x.double() if isinstance(x, Tensor) else x for name, x in arguments.items()}
    leaves = [x.double() if isinstance(x, Tensor) and x.is_floating_point() else x for x in inputs]
    for leaf, dx in zip(leaves, gradients):
        if dx is not None:
            leaf.requires_grad_()
    expected = getattr(torch.nn, name)(**doubled)(*leaves)
    expected.backward(torch.full_like(expected, upstream))
    for dx, leaf in zip(gradients, leaves):
        if dx is not None:
            assert leaf.grad.to(dx.dtype).isfinite().all()
            torch.testing.assert_close(dx, leaf.grad.to(dx.dtype))


@upstreams
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_divergence_of_a_large_logarithm(reduction: str, upstream: float, dtype: torch.dtype) -> None:
    x, log_q = torch.ones(35, 5, dtype=dtype), torch.full((35, 5), 86.0, dtype=dtype)
    agree("KLDivLoss", [x, log_q], upstream, reduction=reduction, log_target=True)


@upstreams
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 1.0, 1e-2, 1.0])], ids=["equal", "weighted"])
def test_squares_of_many_large_margins(reduction: str, upstream: float, weight: Tensor | None) -> None:
    x, target = torch.tensor([[2.4e38, 2e38, -8e37, 1e38]]).repeat(64, 1), torch.full((64,), 2)
    agree("MultiMarginLoss", [x, target], upstream, p=2, weight=weight, reduction=reduction)


@upstreams
def test_large_counts_over_small_rates(reduction: str, upstream: float) -> None:
    rate, count = torch.full((1000,), 1e-9), torch.full((1000,), 1e31)
    agree("PoissonNLLLoss", [rate, count], upstream, log_input=False, reduction=reduction)


@upstreams
def test_large_errors_of_small_variance(reduction: str, upstream: float) -> None:
    x, t, var = torch.full((1000,), 1e16), torch.zeros(1000), torch.full((1000,), 2e-4)
    agree("GaussianNLLLoss", [x, t, var], upstream, reduction=reduction)
    agree("GaussianNLLLoss", [x * 1e18, t, 1e-6], upstream, reduction=reduction)


@pytest.mark.parametrize("name", ["BCEWithLogitsLoss", "MultiLabelSoftMarginLoss"])
def test_small_upstream_gradients_of_large_weights(name: str) -> None:
    x, t, weight = torch.full((8, 5), -3.0), torch.full((8, 5), 1e4), torch.full((5,), 1e36)
    agree(name, [x, t], 1e-3, weight=weight, reduction="sum")


@pytest.mark.parametrize("p", [1, 2])
def test_an_infinite_gradient_of_a_margin_that_is_met(p: int) -> None:
    """Scores that are low enough count for nothing."""
    loss = nn.MultiMarginLoss(p=p)
    loss(torch.tensor([[3.0, 2.5, -9.0]]), torch.tensor([0]))
    dx = loss.backward(torch.tensor(torch.inf))
    assert dx[0].tolist() == [-torch.inf, torch.inf, 0]
