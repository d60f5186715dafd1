from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


def test_channels_that_cannot_be_divided() -> None:
    for groups in (0, 2):
        with pytest.raises(ModuleError, match=f"expected num_channels in {groups} equal groups, got 3"):
            nn.GroupNorm(groups, 3)


def test_a_single_value_in_each_group() -> None:
    with pytest.raises(ModuleError, match="expected more than one value per group"):
        nn.GroupNorm(3, 3)(torch.ones(1, 3, 1))


@pytest.mark.parametrize("size", [(3,), (2, 4), (2, 3, 3)])
def test_an_input_that_does_not_fit(size: tuple[int, ...]) -> None:
    expected = "expected input (batch, 6, *) of torch.float32, got"
    with pytest.raises(ModuleError, match=re.escape(f"{expected} {size} of torch.float32")):
        nn.GroupNorm(3, 6)(torch.ones(size))


def test_numbers_that_are_alike_become_0() -> None:
    assert nn.GroupNorm(2, 6)(torch.full((2, 6, 35), 123.456)).abs().max() < 1e-6
