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
