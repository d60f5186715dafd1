from __future__ import annotations

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize("channels", [1, 2, 5, 9])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_outputs_of_cross_map_are_those_of_torch_though_its_gradients_are_not(
    size: int, channels: int
) -> None:
    x = torch.randn(2, channels, 3, 2, dtype=torch.float64)
    arguments = {"alpha": 0.7, "beta": 0.6, "k": 0.9}
    ours, theirs = nn.CrossMapLRN2d(size, **arguments), torch.nn.CrossMapLRN2d(size, **arguments)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-12, atol=1e-12)


def test_without_a_first_channel_far_away_both_classes_are_one() -> None:
    x = torch.randn(2, 4, 3, 3)
    x[:, 0] = 0
    torch.testing.assert_close(nn.CrossMapLRN2d(3, 0.5)(x), nn.LocalResponseNorm(3, 0.5)(x))


def test_what_does_not_fit() -> None:
    with pytest.raises(ModuleError, match="expected a size from 1, got 0"):
        nn.LocalResponseNorm(0)
    with pytest.raises(
        ModuleError, match=r"input \(batch, channels, \*\) of three axes or more, got \(2, 3\)"
    ):
        nn.LocalResponseNorm(2)(torch.ones(2, 3))
    with pytest.raises(ModuleError, match=r"\(batch, channels, rows, columns\), got \(2, 3, 4\)"):
        nn.CrossMapLRN2d(2)(torch.ones(2, 3, 4))
