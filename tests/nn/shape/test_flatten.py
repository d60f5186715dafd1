from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize(
    ("dims", "size"), [((1, -1), (3,)), ((2, 1), (2, 3, 4)), ((0, 3), (2, 3)), ((-4, 1), (2, 3))]
)
def test_axes_that_are_not_there(dims: tuple[int, int], size: tuple[int, ...]) -> None:
    expected = f"expected input with axes {dims[0]} to {dims[1]}, got {size}"
    with pytest.raises(ModuleError, match=re.escape(f"Sequential[0] Flatten{dims}: {expected}")):
        nn.Sequential(nn.Flatten(*dims))(torch.zeros(size))


def test_a_single_number_becomes_a_vector_and_back() -> None:
    flatten = nn.Flatten(0)
    assert torch.equal(flatten(torch.tensor(3.0)), torch.tensor([3.0]))
    assert torch.equal(flatten.backward(torch.tensor([2.0])), torch.tensor(2.0))


def test_an_empty_batch_stays_empty() -> None:
    flatten = nn.Flatten()
    assert flatten(torch.zeros(0, 3, 4)).shape == (0, 12)
    assert flatten.backward(torch.zeros(0, 12)).shape == (0, 3, 4)


def test_identity_shows_what_it_ignores() -> None:
    assert repr(nn.Identity(3, out=4)) == "Identity(3, out=4)"
