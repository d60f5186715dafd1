"""Functions of single elements where their derivatives have no one formula."""

from __future__ import annotations

import math

import pytest
import torch

from plaingrad import nn

BASES = torch.tensor([-2.5, -1.0, -0.0, 0.0, 0.5, 1.0, 3.0, math.inf], dtype=torch.float64)
EXPONENTS = torch.tensor([-2.0, -1.0, 0.0, 0.5, 1.0, 2.0, 3.0], dtype=torch.float64)


def test_powers_of_nothing_and_powers_to_nothing_have_the_derivatives_of_torch() -> None:
    a, b = (x.flatten() for x in torch.meshgrid(BASES, EXPONENTS, indexing="ij"))
    dy = torch.randn(len(a), dtype=torch.float64)
    left, right = (x.clone().requires_grad_() for x in (a, b))
    y = torch.pow(left, right)
    expected = torch.autograd.grad(y, (left, right), dy)
    power = nn.Power()
    torch.testing.assert_close(power(a, b), y.detach(), equal_nan=True)
    torch.testing.assert_close(power.backward(dy), expected, equal_nan=True)


@pytest.mark.parametrize("exponent", [0, 1, 2.0, -1.0])
def test_powers_to_a_number_have_the_derivatives_of_torch(exponent: float) -> None:
    a = BASES.clone().requires_grad_()
    dy = torch.randn(len(a), dtype=torch.float64)
    power = nn.Power()
    y = torch.pow(a, exponent)
    (expected,) = torch.autograd.grad(y, a, dy)
    torch.testing.assert_close(power(BASES, exponent), y.detach(), equal_nan=True)
    da, dexponent = power.backward(dy)
    torch.testing.assert_close(da, expected, equal_nan=True)
    assert dexponent is None
