from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from effort import draws
from plaingrad import nn, optim
from plaingrad.module import Module
from plaingrad.nn import Loss
from plaingrad.train import History, TrainingDiverged
from plaingrad.train.weighting import Weighted, of_prediction
from train.small import network, plane, run, values
from train.test_diagnose import Faulty

D = torch.float64
CLASSES = torch.tensor([0.5, 2.0, 1.0], dtype=D)


def real(n: int, generator: torch.Generator) -> Tensor:
    return torch.rand(n, 3, generator=generator, dtype=D) * 0.8 + 0.1


def indices(n: int, generator: torch.Generator) -> Tensor:
    return torch.randint(3, (n,), generator=generator)


LOSSES: list[tuple[Any, Any]] = [
    (nn.MSELoss, real),
    (nn.L1Loss, real),
    (nn.HuberLoss, real),
    (nn.SmoothL1Loss, real),
    (nn.PoissonNLLLoss, real),
    (lambda reduction: nn.PoissonNLLLoss(log_input=False, full=True, reduction=reduction), real),
    (nn.QuantileLoss, real),
    (lambda reduction: nn.QuantileLoss((0.1, 0.5, 0.8), reduction), real),
    (nn.BCELoss, real),
    (nn.BCEWithLogitsLoss, real),
    (nn.NLLLoss, indices),
    (nn.CrossEntropyLoss, indices),
    (nn.CrossEntropyLoss, real),
    (lambda reduction: nn.CrossEntropyLoss(CLASSES, 1, reduction, label_smoothing=0.1), indices),
    (lambda reduction: nn.NLLLoss(CLASSES, reduction=reduction), indices),
    (lambda reduction: nn.CrossEntropyLoss(CLASSES, reduction=reduction), real),
    (lambda reduction: nn.BCEWithLogitsLoss(CLASSES, reduction), real),
    (nn.KLDivLoss, real),
    (lambda reduction: nn.KLDivLoss("batchmean" if reduction == "mean" else reduction), real),
    (nn.MultiLabelSoftMarginLoss, real),
    (lambda reduction: nn.MultiMarginLoss(2, weight=CLASSES, reduction=reduction), indices),
]


def both(loss: Any, *inputs: Any) -> tuple[Tensor, Tensor]:
    return loss.forward(*inputs), of_prediction(loss.backward())


@settings(max_examples=draws(60), deadline=None)
@given(
    kind=st.sampled_from(LOSSES),
    reduction=st.sampled_from(["mean", "sum"]),
    repeats=st.lists(st.integers(0, 3), min_size=1, max_size=7).filter(any),
    seed=st.integers(0, 99),
)
def test_whole_weights_stand_for_repeated_samples(
    kind: tuple[Any, Any], reduction: str, repeats: list[int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    loss: Loss = kind[0](reduction=reduction)
    x, t = real(len(repeats), generator), kind[1](len(repeats), generator)
    often = torch.tensor(repeats)
    rows = torch.arange(len(repeats)).repeat_interleave(often)
    value, dx = both(Weighted(loss), x, (t, often.to(D)))
    expected, dxs = both(loss, x[rows], t[rows])
    torch.testing.assert_close(value, expected, rtol=1e-12, atol=1e-14, equal_nan=True)
    torch.testing.assert_close(dx, torch.zeros_like(x).index_add(0, rows, dxs), rtol=1e-12, atol=1e-14)
    assert loss.reduction.removeprefix("batch") == reduction


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("maker", [nn.CrossEntropyLoss, nn.NLLLoss])
def test_classes_at_several_positions(maker: Any, reduction: str) -> None:
    x, t = torch.randn(3, 4, 5, dtype=D), torch.randint(4, (3, 5))
    t[0, 2] = -100
    loss, often = maker(reduction=reduction), torch.tensor([1, 2, 0])
    value, dx = both(Weighted(loss), x, (t, often.to(D)))
    rows = torch.tensor([0, 1, 1])
    expected, dxs = both(loss, x[rows], t[rows])
    torch.testing.assert_close(value, expected)
    torch.testing.assert_close(dx, torch.zeros_like(x).index_add(0, rows, dxs))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_batch_without_weight_counts_for_nothing(reduction: str) -> None:
    value, dx = both(Weighted(nn.MSELoss(reduction)), torch.ones(2, 3), (torch.zeros(2, 3), torch.zeros(2)))
    assert value == 0
    assert not dx.any()


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("size", [1, 3, 20])
def test_weights_of_one_change_nothing(reduction: str, size: int) -> None:
    def trained(**arguments: Any) -> tuple[list[float], list[Tensor]]:
        model = network(2, 5, 1)
        history = run(model, plane(), lr=0.01, batch_size=size, loss=nn.MSELoss(reduction), **arguments)
        return history.loss, values(model)

    (losses, weights), (expected, without) = trained(sample_weight=np.ones(20)), trained()
    assert losses == pytest.approx(expected, rel=1e-12)
    for a, b in zip(weights, without):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_a_weighted_epoch_is_one_of_repeated_samples(reduction: str) -> None:
    x, t = plane()
    often = torch.arange(20) % 3
    rows = torch.arange(20).repeat_interleave(often)
    model, other = network(2, 3, 1), network(2, 3, 1)

    def trained(model: Module, data: tuple[Tensor, Tensor], **options: Any) -> History:
        rule = optim.SGD(model.parameters(), lr=0.01, weight_decay=0.3)
        loss, size = nn.MSELoss(reduction), len(data[0])
        options |= {"loss": loss, "optimizer": rule, "batch_size": size, "weight_decay_per": "sample"}
        return run(model, data, **options)

    history = trained(model, (x, t), sample_weight=often.tolist())
    repeated = trained(other, (x[rows], t[rows]))
    of_each = [reduced * (1 if reduction == "mean" else len(rows) / len(x)) for reduced in repeated.loss]
    assert history.loss == pytest.approx(of_each, rel=1e-12)
    for a, b in zip(values(model), values(other)):
        torch.testing.assert_close(a, b, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("engine", ["eager", "native"])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_the_loss_of_an_epoch_is_the_mean_over_the_samples_of_their_batches(
    engine: str, reduction: str
) -> None:
    weights, (x, t), loss = torch.rand(20, dtype=D), plane(), nn.MSELoss(reduction)
    options: dict[str, Any] = {"sample_weight": weights, "loss": loss, "lr": 0.0, "engine": engine}
    errors = (network(2, 1).forward(x) - t).square().squeeze(1)
    for size in (1, 3, 7, 20):
        found = run(network(2, 1), (x, t), batch_size=size, shuffle=False, **options).loss[0]
        batches = [(weights[i : i + size], errors[i : i + size]) for i in range(0, 20, size)]
        sums = [(w * e).sum() / (w.sum() / len(w) if reduction == "mean" else 1) for w, e in batches]
        assert found == pytest.approx(sum(sums).item() / 20, rel=1e-12)


def test_weights_travel_with_their_samples() -> None:
    x, t = plane()
    wrong = t.clone()
    wrong[::2] += 100
    model = network(2, 1)
    run(model, (x, wrong), epochs=30, lr=0.1, sample_weight=torch.arange(20) % 2)
    torch.testing.assert_close(model.forward(x), t, atol=1e-3, rtol=0)


def test_divergence_is_found_with_weights_too() -> None:
    model = nn.Sequential(*network(2, 1), Faulty("output", at=8))
    with pytest.raises(TrainingDiverged) as caught:
        run(model, plane(), sample_weight=torch.ones(20))
    assert caught.value.finding is not None
    assert (caught.value.epoch, caught.value.finding.step, caught.value.finding.kind) == (2, 3, "output")


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("make", [nn.MSELoss, nn.BCEWithLogitsLoss, nn.CrossEntropyLoss])
def test_a_sample_without_weight_counts_for_nothing_whatever_it_holds(make: Any, reduction: str) -> None:
    loss, x, t = Weighted(make(reduction=reduction)), torch.rand(3, 2, dtype=D), torch.rand(3, 2, dtype=D)
    weight = torch.tensor([2.0, 0.0, 1.0], dtype=D)
    expected, dx = both(loss, x[::2], (t[::2], weight[::2]))
    for bad in (math.inf, -math.inf, math.nan):
        x[1] = bad
        value, gradient = both(loss, x, (t, weight))
        torch.testing.assert_close(value, expected)
        torch.testing.assert_close(gradient[::2], dx)
        assert not gradient[1].any()


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.ones(19), r"sample_weight: expected shape \(20,\), got \(19,\)"),
        (torch.ones(20, 1), r"sample_weight: expected shape \(20,\), got \(20, 1\)"),
        (1.0, r"sample_weight: expected shape \(20,\), got \(\)"),
        ([-1.0] + [1.0] * 19, r"sample_weight: expected finite weights of at least 0, got -1.0 at \[0\]"),
        ([1.0] * 19 + [np.nan], r"sample_weight: expected finite weights of at least 0, got nan at \[19\]"),
        ([1.0, np.inf] * 10, r"sample_weight: expected finite weights of at least 0, got inf at \[1\]"),
        (np.zeros(20), "sample_weight: expected at least one weight above 0, got zeros alone"),
        (["a"] * 20, "expected numbers of at most 64 bits as sample_weight"),
    ],
)
def test_weights_that_cannot_be_used_are_told_before_anything_changes(weights: Any, message: str) -> None:
    model = network(2, 1)
    before = values(model)
    with pytest.raises(ValueError, match=message):
        run(model, plane(), sample_weight=weights)
    assert all(torch.equal(a, b) for a, b in zip(values(model), before))


def test_a_loss_that_cannot_keep_its_elements_apart_is_told() -> None:
    class Total(nn.MSELoss):
        def reduce(self, losses: Tensor, count: float | None = None) -> Tensor:
            return losses.sum()

    with pytest.raises(ValueError, match=r"Total\(\): expected losses \(4, 1\) with reduction 'none'"):
        run(network(2, 1), plane(), loss=Total(), sample_weight=torch.ones(20))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_weights_in_half_precision_take_losses_whose_elements_would_overflow(reduction: str) -> None:
    loss = nn.MSELoss(reduction)
    x, t = torch.tensor([[300.0], [2.0], [3.0]]).half(), torch.zeros(3, 1).half()
    weight = torch.tensor([0.25, 1.0, 3.0]).half()
    value, dx = both(Weighted(loss), x, (t, weight))
    expected, expected_dx = both(Weighted(loss), x.double(), (t.double(), weight.double()))
    assert value.dtype == dx.dtype == torch.float16
    torch.testing.assert_close(value, expected.half())
    torch.testing.assert_close(dx, expected_dx.half())
    assert value.isfinite()


def test_a_loss_of_ones_own_takes_weights_in_half_precision() -> None:
    class Squares(nn.Loss):
        def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
            error = prediction - target
            loss = self.reduce(error * error)
            self.save(error, loss)
            return loss

        def backward(self, dloss: Tensor | None = None) -> Tensor:
            error = self.restore(dloss)
            return (2 * error * self.upstream(dloss, error.numel())).to(error.dtype)

    x, t, weight = (
        torch.randn(4, 2).half(),
        torch.zeros(4, 2).half(),
        torch.tensor([1.0, 2.0, 0.0, 3.0]).half(),
    )
    value, dx = both(Weighted(Squares()), x, (t, weight))
    expected, expected_dx = both(Weighted(nn.MSELoss()), x, (t, weight))
    torch.testing.assert_close(value, expected, rtol=2e-3, atol=0)
    torch.testing.assert_close(dx, expected_dx, rtol=5e-3, atol=1e-4)


def test_elements_may_be_kept_apart_twice() -> None:
    loss = nn.MSELoss()
    before = dict(vars(loss))
    with loss.unreduced(), loss.unreduced():
        assert loss.forward(torch.zeros(3), torch.ones(3)).shape == (3,)
    assert loss.reduction == "mean"
    assert vars(loss).keys() == before.keys()
