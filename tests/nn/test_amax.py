"""Maxima that several elements share."""

from __future__ import annotations

import pytest
import torch

from plaingrad import nn


@pytest.mark.parametrize("dim", [None, 0, (0, 2)])
@pytest.mark.parametrize("keepdim", [False, True])
def test_elements_that_are_equal_share_the_gradient_as_in_torch(
    dim: int | tuple[int, ...] | None, keepdim: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(-2, 3, (4, 3, 5), generator=generator).double().requires_grad_()
    axes = (0, 1, 2) if dim is None else dim
    right = torch.amax(x, axes, keepdim)
    dy = torch.randn(right.shape, generator=generator, dtype=torch.float64)
    right.backward(dy)
    module = nn.Amax(dim, keepdim)
    torch.testing.assert_close(module.forward(x.detach()), right.detach())
    torch.testing.assert_close(module.backward(dy), x.grad)
