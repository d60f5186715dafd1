from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize("momentum", [0.1, None, 0.9])
def test_running_statistics_follow_those_of_torch_over_many_batches(momentum: float | None) -> None:
    arguments = {"momentum": momentum, "track_running_stats": True, "dtype": torch.float64}
    ours, theirs = nn.InstanceNorm2d(3, **arguments), torch.nn.InstanceNorm2d(3, **arguments)
    for size in [(2, 3, 4, 2), (3, 5, 1), (1, 3, 2, 2)]:
        x = 5 + 2 * torch.randn(size, dtype=torch.float64)
        torch.testing.assert_close(ours(x), theirs(x))
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_an_empty_batch_changes_no_statistics() -> None:
    norm = nn.InstanceNorm1d(2, affine=True, track_running_stats=True)
    assert norm(torch.zeros(0, 2, 3)).shape == norm.backward(torch.zeros(0, 2, 3)).shape == (0, 2, 3)
    assert norm.running_mean.value.tolist() == [0, 0]  # type: ignore[union-attr]
    assert norm.running_var.value.tolist() == [1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("size", [(2, 3, 1), (3, 1)])
def test_one_value_per_channel_has_no_variance(size: tuple[int, ...]) -> None:
    with pytest.raises(ModuleError, match=re.escape(f"expected more than one value per channel, got {size}")):
        nn.InstanceNorm1d(3)(torch.zeros(size))


@pytest.mark.parametrize("size", [(3,), (2, 4, 5), (4, 5), (2, 3, 2, 2)])
def test_an_input_that_does_not_fit(size: tuple[int, ...]) -> None:
    expected = "expected input (3, length) or (batch, 3, length) of floating-point numbers"
    with pytest.raises(ModuleError, match=re.escape(f"{expected}, got {size} of torch.float32")):
        nn.InstanceNorm1d(3)(torch.zeros(size))
