"""Kinks and steep places are told from mistakes."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from plaingrad import nn
from plaingrad.inspect import check_gradients

from .examples import Elementwise


def test_a_relu_at_zero_is_no_mistake_but_counted() -> None:
    report = check_gradients(nn.ReLU(), torch.tensor([[0.0, 1.0, -2.0], [3.0, 0.0, 0.0]]))
    assert report.ok
    assert report.kinks == report.rows[0].kinks == 3
    assert "kinks" in str(report)


@pytest.mark.parametrize("distance", [1e-6, -1e-6, 3e-6, 9e-6, 1e-7])
def test_a_kink_nearby_is_left_behind(distance: float) -> None:
    report = check_gradients(nn.ReLU(), torch.tensor([distance, 1.0], dtype=torch.float64))
    assert report.ok
    assert report.kinks == 0
    wrong = Elementwise(lambda x: x.clamp(min=0), lambda x: (x <= 0).double())
    report = check_gradients(wrong, torch.tensor([distance], dtype=torch.float64))
    assert not report.ok


@pytest.mark.parametrize(
    ("function", "derivative", "x"),
    [
        (torch.abs, lambda x: x.sign() + (x == 0), [0.0, 2.0]),
        (lambda x: x.abs().sqrt(), lambda x: x.sign() / (2 * x.abs().sqrt() + (x == 0)), [0.0, 2.0]),
        (lambda x: (x > 1).double(), lambda x: 0 * x, [1.0, 2.0]),
        (lambda x: torch.where(x > 0.5, x, 0), lambda x: (x > 0.5).double(), [0.5, 2.0]),
        (torch.sqrt, lambda x: 0.5 / x.sqrt().clamp(min=1e-3), [0.0, 2.0]),
    ],
    ids=["corner", "cusp", "step", "jump", "edge"],
)
def test_any_kind_of_kink_is_recognised(function: Any, derivative: Any, x: list[float]) -> None:
    report = check_gradients(Elementwise(function, derivative), torch.tensor(x, dtype=torch.float64))
    assert report.ok, str(report)
    assert report.kinks == 1


def test_ties_of_a_maximum_are_kinks() -> None:
    report = check_gradients(nn.MaxPool2d(2), torch.ones(1, 1, 2, 2))
    assert report.ok
    assert report.kinks == 4


@pytest.mark.parametrize("scale", [1.0, 30.0, 1000.0])
def test_what_is_steep_is_no_kink(scale: float) -> None:
    x = torch.tensor([0.0, 0.3, -0.01], dtype=torch.float64)
    right = Elementwise(lambda x: (scale * x).sin(), lambda x: scale * (scale * x).cos())
    report = check_gradients(right, x)
    assert (report.ok, report.kinks) == (True, 0), str(report)
    wrong = Elementwise(lambda x: (scale * x).sin(), lambda x: -scale * (scale * x).cos())
    report = check_gradients(wrong, x)
    assert (report.ok, report.kinks) == (False, 0), str(report)


def test_a_mistake_beside_a_kink_is_found() -> None:
    wrong = Elementwise(lambda x: x.clamp(min=0), lambda x: (x > 0) * 2.0)
    report = check_gradients(wrong, torch.tensor([0.0, 0.0, 1.5]))
    assert not report.ok
    assert "input[2]" in report.problems[0]


@pytest.mark.parametrize("sure", [3.0, 20.0, 40.0, 100.0])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_loss_that_is_all_but_zero_is_rounded_like_one(sure: float, smoothing: float) -> None:
    """In log(1 + e), the steps of differences are lost before the gradient is."""
    targets = torch.tensor([0, 2, 1, 1])
    signs = torch.nn.functional.one_hot(targets, 3).double() * 2 - 1
    logits = sure * signs + torch.randn(4, 3, dtype=torch.float64)
    for loss, target in (
        (nn.CrossEntropyLoss(label_smoothing=smoothing), targets),
        (nn.BCEWithLogitsLoss(), (signs > 0).double() * (1 - smoothing)),
        (nn.SoftMarginLoss(), signs),
    ):
        report = check_gradients(loss, logits, target)
        assert report.ok, str(report)


@pytest.mark.parametrize("module", [nn.LayerNorm(5), nn.BatchNorm1d(5), nn.RMSNorm(5), nn.GroupNorm(5, 5)])
@pytest.mark.parametrize("constant", [0.0, 1.0, 1e3, -7e5])
def test_a_step_longer_than_all_that_happens_is_made_shorter(module: Any, constant: float) -> None:
    """A constant is normalized by the root of eps, which the step, relative to the constant, goes beyond."""
    x = torch.full((4, 5), constant, dtype=torch.float64)
    report = check_gradients(module, x)
    assert (report.ok, report.kinks) == (True, 0), str(report)


def test_a_mistake_where_the_first_steps_are_too_long_is_found() -> None:
    x = torch.tensor([-7e5], dtype=torch.float64)
    here = x.clone()
    right = Elementwise(lambda x: (1e3 * (x - here)).tanh(), lambda x: torch.full_like(x, 1e3))
    assert check_gradients(right, x).ok
    wrong = Elementwise(lambda x: (1e3 * (x - here)).tanh(), lambda x: torch.full_like(x, 5e2))
    report = check_gradients(wrong, x)
    assert (report.ok, report.kinks) == (False, 0), str(report)
    row = report.rows[0]
    assert row.central == pytest.approx(2 * row.backward)
