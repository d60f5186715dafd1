"""Indices that are tensors or lists, which may select an element twice."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from plaingrad import nn


@pytest.mark.parametrize(
    "index",
    [
        torch.tensor([2, 0, 2, 2]),
        torch.tensor([[1, -1], [-1, 1]]),
        (slice(None), torch.tensor([3, 3])),
        (torch.tensor([0, 0, 1]), torch.tensor([2, 2, 3])),
        (..., None, torch.tensor([1, 1]), slice(0, 1)),
        torch.tensor([True, False, True]),
        (torch.tensor([], dtype=torch.long), 0),
        [2, 0, 2],
        (slice(None), [3, -1, 0]),
    ],
)
def test_what_is_selected_twice_gets_both_gradients(index: Any) -> None:
    x = torch.randn(3, 4, 2, dtype=torch.float64)
    theirs = x.clone().requires_grad_()
    expected = theirs[index]
    dy = torch.randn_like(expected)
    expected.backward(dy)
    for select, arguments in ((nn.Select(index), (x,)), (nn.Select(), (x, index))):
        assert torch.equal(select(*arguments), expected)
        dx = select.backward(dy)
        torch.testing.assert_close(dx[0] if isinstance(dx, tuple) else dx, theirs.grad)
