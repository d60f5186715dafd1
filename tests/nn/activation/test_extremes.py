"""Activations where random numbers never fall: far away, and at infinity."""

from __future__ import annotations

import math

import pytest
import torch

from plaingrad import nn


@pytest.mark.parametrize("alpha", [0.3, 0.7, 3.0])
def test_celu_has_slope_1_at_zero_and_sinks_to_minus_alpha(alpha: float) -> None:
    celu = nn.CELU(alpha)
    y = celu.forward(torch.tensor([0.0, -10000.0], dtype=torch.float64))
    dx = celu.backward(torch.ones_like(y))
    assert y.tolist() == [0.0, -alpha]
    assert dx.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["Softmax", "Softmin", "LogSoftmax"])
def test_a_masked_place_gets_no_probability_and_no_gradient(name: str) -> None:
    masked = math.inf if name == "Softmin" else -math.inf
    x = torch.tensor([[masked, 1.0, 2.0]], dtype=torch.float64)
    softmax = getattr(nn, name)(dim=1)
    y = softmax.forward(x)
    dx = softmax.backward(torch.tensor([[0.0, 1.0, -3.0]], dtype=torch.float64))
    assert y[0, 0] == (-math.inf if name == "LogSoftmax" else 0)
    assert dx[0, 0] == 0
    assert dx.isfinite().all()
    torch.testing.assert_close(dx.sum(), torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["ReLU", "ReLU6", "Hardsigmoid", "Hardswish", "Softshrink", "Hardshrink"])
def test_a_gradient_without_axes_keeps_its_dtype(name: str, dtype: torch.dtype) -> None:
    layer, x = getattr(nn, name)(), torch.tensor(2.0, dtype=dtype)
    assert layer.backward(torch.ones_like(layer(x))).dtype == dtype
