"""How RReLU draws its slopes."""

from __future__ import annotations

import torch

from plaingrad import nn


def test_rrelu_draws_a_uniform_slope_for_each_negative_element_from_the_global_generator() -> None:
    x = -torch.ones(10_000, dtype=torch.float64)
    rrelu = nn.RReLU(0.2, 0.6)
    torch.manual_seed(0)
    slopes, others = -rrelu.forward(x), -rrelu.forward(x)
    torch.manual_seed(0)
    assert torch.equal(-rrelu.forward(x), slopes)
    assert not torch.equal(slopes, others)
    assert 0.2 <= slopes.min() < 0.201
    assert 0.599 < slopes.max() <= 0.6
    assert torch.histc(slopes, bins=4, min=0.2, max=0.6).sub(2500).abs().max() < 150


def test_rrelu_passes_the_positive_side_unchanged_in_training() -> None:
    x = torch.tensor([1.0, 1000.0])
    assert torch.equal(nn.RReLU().forward(x), x)
