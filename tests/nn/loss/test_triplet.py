"""Losses of triplets with distances of one's own."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from plaingrad import Module, ModuleError, Parameter, nn
from plaingrad.inspect import check_gradients
from plaingrad.interop import describe
from plaingrad.nn.common.pnorm import pnorm_backward


class Learned(Module):
    """Squared differences times learned weights; not the same the other way round."""

    def __init__(self, features: int) -> None:
        self.weight = Parameter(torch.linspace(0.5, 1.5, features))

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        difference = x - 0.8 * y
        distance = (self.weight.value * difference**2).sum(-1)
        self.save((x, y), distance)
        return distance

    def backward(self, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, y = self.restore(dy)
        difference = x - 0.8 * y
        self.weight.grad += (dy.unsqueeze(-1) * difference**2).sum(0)
        dx = 2 * dy.unsqueeze(-1) * self.weight.value * difference
        return dx, -0.8 * dx


def examples(count: int = 3) -> list[Tensor]:
    return [torch.randn(6, 4, generator=torch.Generator().manual_seed(k)) for k in range(count)]


@pytest.mark.parametrize("swap", [False, True])
def test_a_distance_with_parameters_learns_too(swap: bool) -> None:
    loss = nn.TripletMarginWithDistanceLoss(distance_function=Learned(4), swap=swap)
    report = check_gradients(loss, *examples())
    assert report.ok, report
    assert [row.name for row in report.rows] == ["anchor", "positive", "negative", "distance_function.weight"]


def test_parameters_and_examples_of_half_precision_meet() -> None:
    loss = nn.TripletMarginWithDistanceLoss(distance_function=Learned(4)).to(torch.bfloat16)
    halves = [x.bfloat16() for x in examples()]
    assert loss(*halves).dtype == torch.bfloat16
    assert {dx.dtype for dx in loss.backward()} == {torch.bfloat16}


@pytest.mark.parametrize("swap", [False, True])
def test_the_distance_of_the_2_norm_is_the_default(swap: bool) -> None:
    both = nn.TripletMarginLoss(swap=swap), nn.TripletMarginWithDistanceLoss(swap=swap)
    values = [loss(*examples()) for loss in both]
    torch.testing.assert_close(*values, rtol=0, atol=0)
    for first, second in zip(*(loss.backward() for loss in both)):
        torch.testing.assert_close(first, second, rtol=0, atol=0)


@pytest.mark.usefixtures("without_annotations")
def test_what_does_not_fit_is_refused() -> None:
    a, b, _ = examples()
    with pytest.raises(ModuleError, match="expected distance_function to be a Module with a backward, got"):
        nn.TripletMarginWithDistanceLoss(distance_function=torch.dist)  # type: ignore[arg-type]
    for loss in (nn.TripletMarginLoss, nn.TripletMarginWithDistanceLoss):
        with pytest.raises(ModuleError, match="expected margin > 0, got 0"):
            loss(margin=0)
        with pytest.raises(ModuleError, match=r"expected negative \(6, 4\) of torch.float32 as the anchor"):
            loss()(a, b, b[:1])
        with pytest.raises(ModuleError, match=r"expected positive \(6, 4\) of torch.float32 as the anchor"):
            loss()(a, b.double(), b)


def test_a_description_knows_the_default_distance_alone() -> None:
    describe(nn.TripletMarginWithDistanceLoss(margin=0.5))
    for other in (Learned(4), nn.PairwiseDistance(p=1.0)):
        with pytest.raises(ValueError, match="distance_function"):
            describe(nn.TripletMarginWithDistanceLoss(distance_function=other))


@pytest.mark.parametrize("p", [-2.0, 0.5, 1.0, 1.5, 2.0, 3.0, 7.5, torch.inf, -torch.inf])
def test_the_slopes_of_norms_are_those_of_torch(p: Any) -> None:
    x = torch.randn(5, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    x[0], x[1, 2], x[2, 0] = 0, 0, x[2, 1]
    leaf = x.clone().requires_grad_()
    norm = torch.linalg.vector_norm(leaf, p, -1, keepdim=True)
    dnorm = torch.linspace(-1, 2, 5, dtype=torch.float64).unsqueeze(-1)
    (expected,) = torch.autograd.grad(norm, leaf, dnorm)
    defined = expected.isfinite()
    found = pnorm_backward(x, norm.detach(), p, (-1,), dnorm)
    torch.testing.assert_close(found[defined], expected[defined], rtol=1e-12, atol=1e-12)
    assert found.isfinite().all()


def test_the_number_of_elements_other_than_0_has_no_slope() -> None:
    x = torch.tensor([[3.0, 0.0, -1.0]])
    assert not pnorm_backward(x, torch.tensor([[2.0]]), 0.0, (-1,), torch.ones(1, 1)).any()
