from __future__ import annotations

import re
from collections.abc import Callable

import pytest
import torch

from plaingrad import Module, ModuleError, nn


def test_one_undoes_the_other() -> None:
    x = torch.randn(2, 12, 3, 5)
    assert torch.equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)), x)
    assert torch.equal(nn.ChannelShuffle(4)(nn.ChannelShuffle(3)(x)), x)


def test_integers_are_shuffled_too() -> None:
    assert nn.PixelShuffle(2)(torch.arange(4).view(4, 1, 1)).tolist() == [[[0, 1], [2, 3]]]
    assert nn.ChannelShuffle(2)(torch.arange(6).view(1, 6, 1)).flatten().tolist() == [0, 3, 1, 4, 2, 5]


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda: nn.PixelShuffle(0), "an upscale_factor from 1, got 0"),
        (lambda: nn.PixelUnshuffle(0), "a downscale_factor from 1, got 0"),
        (lambda: nn.ChannelShuffle(0), "groups from 1, got 0"),
        (
            lambda: nn.PixelShuffle(2)(torch.ones(3, 2, 2)),
            "input (*, channels, rows, columns) with a multiple of 4 channels, got (3, 2, 2)",
        ),
        (
            lambda: nn.PixelUnshuffle(2)(torch.ones(1, 2, 3)),
            "input (*, channels, rows, columns) with multiples of 2 rows and columns, got (1, 2, 3)",
        ),
        (
            lambda: nn.ChannelShuffle(2)(torch.ones(2, 4)),
            "input (batch, channels, *) with a multiple of 2 channels, got (2, 4)",
        ),
    ],
)
def test_what_does_not_fit(make: Callable[[], Module], expected: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(f"expected {expected}")):
        make()
