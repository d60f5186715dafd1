"""Losses at the edges of their domains, held against torch.nn to the bit or nearly."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import mean_pinball_loss
from torch import Tensor

from effort import draws
from plaingrad import nn

inf = float("inf")
ELEMENTWISE = [
    "MSELoss",
    "L1Loss",
    "HuberLoss",
    "SmoothL1Loss",
    "PoissonNLLLoss",
    "BCELoss",
    "BCEWithLogitsLoss",
]
reductions = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)


def agree(name: str, prediction: Tensor, target: Tensor, **arguments: Any) -> tuple[Tensor, Tensor]:
    """Hold loss and gradient against torch.nn's, with no upstream gradient given; return both."""
    ours, theirs = getattr(nn, name)(**arguments), getattr(torch.nn, name)(**arguments)
    leaf = prediction.clone().requires_grad_()
    expected = theirs(leaf, target)
    expected.backward(torch.ones_like(expected))
    loss = ours(prediction, target)
    gradient = ours.backward()
    torch.testing.assert_close(loss, expected.detach(), equal_nan=True)
    torch.testing.assert_close(gradient, leaf.grad, equal_nan=True)
    return loss, gradient


@reductions
@dtypes
@pytest.mark.parametrize("name", ["MSELoss", "L1Loss", "HuberLoss", "SmoothL1Loss"])
def test_kinks_and_large_errors(name: str, dtype: torch.dtype, reduction: str) -> None:
    errors = torch.tensor([-1e15, -1000, -1.5, -1, -1e-20, 0, 1e-20, 1, 1.5, 1000, 1e15], dtype=dtype)
    loss, gradient = agree(name, errors, torch.zeros_like(errors), reduction=reduction)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@reductions
@dtypes
@pytest.mark.parametrize("threshold", [0.5, 2.0, 1e-15, 1e15])
def test_huber_at_its_threshold(threshold: float, dtype: torch.dtype, reduction: str) -> None:
    errors = torch.tensor([-2, -0.5, 0, 0.5, 2], dtype=dtype) * threshold
    zero = torch.zeros_like(errors)
    agree("HuberLoss", errors, zero, reduction=reduction, delta=threshold)
    agree("SmoothL1Loss", errors, zero, reduction=reduction, beta=threshold)


@dtypes
def test_smooth_l1_without_smoothing_is_l1(dtype: torch.dtype) -> None:
    errors = torch.tensor([-3, -1e-30, 0, 1e-30, 3], dtype=dtype)
    agree("SmoothL1Loss", errors, torch.zeros_like(errors), beta=0.0)


@reductions
@dtypes
@pytest.mark.parametrize("full", [False, True])
def test_counts_small_and_large(full: bool, dtype: torch.dtype, reduction: str) -> None:
    counts = torch.tensor([0, 1e-30, 0.5, 1, 1 + 1e-6, 2, 1e15], dtype=dtype).repeat_interleave(5)
    logarithms = torch.tensor([-1000, -20, 0, 20, 80], dtype=dtype).repeat(7)
    loss, gradient = agree("PoissonNLLLoss", logarithms, counts, full=full, reduction=reduction)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()
    rates = torch.tensor([0, 1e-30, 1, 1000, 1e15], dtype=dtype).repeat(7)
    arguments = {"log_input": False, "full": full, "reduction": reduction}
    loss, gradient = agree("PoissonNLLLoss", rates, counts, **arguments)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def test_stirling_comes_near_the_factorial_of_a_large_count() -> None:
    counts = torch.tensor([2.0, 10.0, 170.0], dtype=torch.float64)
    likelihood = torch.distributions.Poisson(counts).log_prob(counts)
    loss = nn.PoissonNLLLoss(full=True, reduction="none")(counts.log(), counts)
    torch.testing.assert_close(loss, -likelihood, rtol=0, atol=1 / 24)


def test_what_is_no_rate_and_what_grows_beyond_all_bounds() -> None:
    one = torch.ones(1)
    assert agree("PoissonNLLLoss", -one, one, log_input=False)[0].isnan()
    assert agree("PoissonNLLLoss", 1000 * one, one)[0] == inf


@reductions
@dtypes
@pytest.mark.parametrize("quantile", [0.5, 1e-7, 1 - 1e-7, (0.1, 0.5, 0.9)])
def test_quantiles_at_the_kink_and_far_from_it(quantile: Any, dtype: torch.dtype, reduction: str) -> None:
    """Held against the definition, and where it can be against scikit-learn."""
    errors = torch.tensor([-1e15, -1000, -1, -1e-20, 0, 1e-20, 1, 1000, 1e15], dtype=dtype)
    errors, q = errors.unsqueeze(-1).repeat(1, 3), torch.tensor(quantile, dtype=dtype)
    loss = nn.QuantileLoss(quantile, reduction)
    value, gradient = loss(errors, torch.zeros_like(errors)), loss.backward()
    apart = torch.maximum(-q * errors, (1 - q) * errors)
    expected = {"mean": apart.mean(), "sum": apart.sum(), "none": apart}[reduction]
    torch.testing.assert_close(value, expected)
    slopes = torch.where(errors > 0, 1 - q, torch.where(errors < 0, -q, torch.zeros_like(errors)))
    torch.testing.assert_close(gradient, slopes / (errors.numel() if reduction == "mean" else 1))
    if reduction == "mean" and isinstance(quantile, float) and dtype == torch.float64:
        theirs = mean_pinball_loss(torch.zeros_like(errors), errors, alpha=quantile)
        assert value.item() == pytest.approx(theirs, rel=1e-12)


def test_the_best_constant_is_the_quantile() -> None:
    targets = torch.randn(1001, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for quantile in (0.1, 0.5, 0.8):
        best = targets.quantile(quantile)
        values = [nn.QuantileLoss(quantile)(best.expand(1001) + d, targets) for d in (-0.01, 0, 0.01)]
        assert values[1] < min(values[0], values[2])


def test_the_median_is_half_of_l1() -> None:
    x, t = torch.randn(2, 5, 3, dtype=torch.float64)
    torch.testing.assert_close(2 * nn.QuantileLoss()(x, t), nn.L1Loss()(x, t))


@reductions
def test_certain_probabilities(reduction: str) -> None:
    # float32 alone: torch's own limit is the float32 nearest to 1e-12, whatever the dtype.
    prediction = torch.tensor([0.0, 0, 0, 1, 1, 1, 1e-30, 1 - 6e-8, 0.5])
    target = torch.tensor([0.0, 1, 0.5, 0, 1, 0.5, 1, 0, 0.5])
    loss, gradient = agree("BCELoss", prediction, target, reduction=reduction)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


@reductions
@dtypes
@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_large_logits_of_yes_or_no(pos_weight: float | None, dtype: torch.dtype, reduction: str) -> None:
    logits = torch.tensor([-1000, -100, -20, 0, 20, 100, 1000], dtype=dtype).repeat(3)
    target = torch.tensor([0, 0.5, 1], dtype=dtype).repeat_interleave(7)
    weight = None if pos_weight is None else torch.tensor(pos_weight, dtype=dtype)
    loss, gradient = agree("BCEWithLogitsLoss", logits, target, reduction=reduction, pos_weight=weight)
    assert loss.isfinite().all()
    assert gradient.isfinite().all()


def test_a_confident_and_right_logit_costs_what_it_should() -> None:
    loss = nn.BCEWithLogitsLoss(reduction="none")(torch.tensor([30.0, -30.0]), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(loss, torch.full((2,), 9.357623e-14), atol=0, rtol=1e-6)


@reductions
@dtypes
@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_large_logits_of_classes(label_smoothing: float, dtype: torch.dtype, reduction: str) -> None:
    logits = torch.tensor(
        [[1000, -1000, 0], [1000, 1000, 999], [-1000, -1001, -1000], [0, 0, 0]], dtype=dtype
    )
    for target in (
        torch.tensor([0, 1, 2, 0]),
        torch.tensor([1, 2, 1, 1]),
        torch.eye(3, dtype=dtype)[[1, 0, 2, 2]],
    ):
        smoothed = {"label_smoothing": label_smoothing, "reduction": reduction}
        loss, gradient = agree("CrossEntropyLoss", logits, target, **smoothed)
        assert loss.isfinite().all()
        assert gradient.isfinite().all()


def test_classes_ruled_out_by_infinite_logits() -> None:
    logits = torch.tensor([[0.0, -inf, 1.0], [2.0, 1.0, -inf]])
    loss, gradient = agree("CrossEntropyLoss", logits, torch.tensor([0, 1]))
    assert loss.isfinite()
    assert gradient.isfinite().all()
    assert torch.equal(nn.CrossEntropyLoss()(logits, torch.eye(3)[[0, 1]]), loss)
    agree("NLLLoss", logits, torch.tensor([0, 1]))
    assert agree("CrossEntropyLoss", logits, torch.tensor([1, 1]))[0] == inf


@reductions
@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0, 3.0])], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", ["NLLLoss", "CrossEntropyLoss"])
def test_all_targets_ignored(name: str, weight: Tensor | None, reduction: str) -> None:
    target = torch.tensor([-100, -100])
    loss, gradient = agree(name, torch.randn(2, 3), target, weight=weight, reduction=reduction)
    assert loss.isnan().all() if reduction == "mean" else not loss.any()
    assert not gradient.any()


def test_targets_of_no_weight_have_no_gradient() -> None:
    loss = nn.CrossEntropyLoss(weight=torch.tensor([0.0, 1.0]))
    assert loss(torch.randn(2, 2), torch.tensor([0, 0])).isnan()
    assert not loss.backward().any()


@settings(max_examples=draws(20), deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(1, 40))
def test_float32_stays_float32_and_equals_torch(seed: int, size: int) -> None:
    torch.manual_seed(seed)
    prediction, target = torch.rand(size, 3), torch.rand(size, 3)
    labels, weight = torch.randint(3, (size,)), torch.rand(3) + 0.1
    for name in ELEMENTWISE:
        agree(name, prediction, target)
    for name in ("BCELoss", "BCEWithLogitsLoss"):
        agree(name, prediction, target, weight=weight)
    for name in ("NLLLoss", "CrossEntropyLoss"):
        agree(name, prediction, labels, weight=weight)


@pytest.mark.parametrize(
    ("name", "weights"),
    [
        ("BCELoss", ["weight"]),
        ("BCEWithLogitsLoss", ["weight", "pos_weight"]),
        ("NLLLoss", ["weight"]),
        ("CrossEntropyLoss", ["weight"]),
    ],
)
def test_weights_are_state_but_not_learned(name: str, weights: list[str]) -> None:
    loss = getattr(nn, name)(**{weight: torch.ones(3) for weight in weights})
    assert list(loss.state_dict()) == weights
    assert loss.parameters() == []
    assert all(value.dtype == torch.float64 for value in loss.to(torch.float64).state_dict().values())
    assert getattr(nn, name)().state_dict() == {}


def test_a_smoothed_mean_over_targets_without_weight_is_nan() -> None:
    weight, logits = torch.tensor([0.0, 0.0, 1.0]), torch.ones(2, 3)
    for library in (nn, torch.nn):
        loss = library.CrossEntropyLoss(weight=weight, label_smoothing=0.1)
        assert loss(logits, torch.tensor([0, 1])).isnan()
