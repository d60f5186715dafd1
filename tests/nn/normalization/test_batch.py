from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


def test_running_statistics_follow_those_of_torch_over_many_batches() -> None:
    for momentum in (0.1, None, 0.9):
        ours = nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
        theirs = torch.nn.BatchNorm1d(3, momentum=momentum, dtype=torch.float64)
        for size in (2, 5, 3, 7):
            x = 5 + 2 * torch.randn(size, 3, dtype=torch.float64)
            torch.testing.assert_close(ours(x), theirs(x))
        for name, value in theirs.state_dict().items():
            torch.testing.assert_close(ours.state_dict()[name], value, rtol=1e-12, atol=1e-12)
        assert torch.equal(ours.eval()(x), ours(x))
        torch.testing.assert_close(ours(x), theirs.eval()(x))


def test_training_does_not_reach_back_into_saved_state() -> None:
    norm, x = nn.BatchNorm1d(3).eval(saving=True), torch.randn(4, 3)
    dy = torch.randn(4, 3)
    norm(x)
    expected = norm.backward(dy).clone()
    norm(x)
    norm.train()(torch.randn(4, 3))
    norm.backward(dy)  # of the second
    assert torch.equal(norm.backward(dy), expected)


def test_statistics_share_nothing_with_a_batch() -> None:
    norm, x = nn.BatchNorm1d(2, momentum=1.0), torch.randn(4, 2)
    norm(x)
    mean = norm.running_mean.value.clone()  # type: ignore[union-attr]
    x.zero_()
    assert torch.equal(norm.running_mean.value, mean)  # type: ignore[union-attr]


def test_a_state_dict_taken_earlier_sees_later_batches() -> None:
    norm = nn.BatchNorm1d(2)
    state = norm.state_dict()
    norm(torch.randn(4, 2))
    assert state["num_batches_tracked"] == 1
    for name, value in norm.state_dict().items():
        assert state[name] is value


def test_statistics_and_parameters_can_be_reset_as_in_torch() -> None:
    for reset in ("reset_running_stats", "reset_parameters"):
        for arguments in ({}, {"affine": False}, {"bias": False}, {"track_running_stats": False}):
            ours, theirs = nn.BatchNorm1d(3, **arguments), torch.nn.BatchNorm1d(3, **arguments)
            for norm in (ours, theirs):
                for value in norm.state_dict().values():
                    value.fill_(7)
                getattr(norm, reset)()
            for name, value in theirs.state_dict().items():
                assert torch.equal(ours.state_dict()[name], value), name


def test_evaluation_changes_no_statistics() -> None:
    norm = nn.BatchNorm1d(2).eval()
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    norm(torch.randn(4, 2))
    for name, value in norm.state_dict().items():
        assert torch.equal(value, before[name])


def test_statistics_share_no_memory_with_parameters() -> None:
    norm = nn.BatchNorm1d(2)
    places = [value.data_ptr() for value in norm.state_dict().values()]
    assert len(set(places)) == 5


@pytest.mark.parametrize("size", [(1, 3), (1, 3, 1)])
def test_one_value_per_channel_has_no_variance(size: tuple[int, ...]) -> None:
    expected = re.escape(
        f"Sequential[0] BatchNorm1d(3): expected more than one value per channel, got {size}"
    )
    norm = nn.BatchNorm1d(3)
    with pytest.raises(ModuleError, match=expected):
        nn.Sequential(norm)(torch.zeros(size))
    assert norm.num_batches_tracked.value == 0  # type: ignore[union-attr]
    assert norm.eval()(torch.zeros(size)).shape == size
    with pytest.raises(ModuleError, match="expected more than one value per channel"):
        nn.BatchNorm1d(3, track_running_stats=False).eval()(torch.zeros(size))


@pytest.mark.parametrize(
    "x", [torch.zeros(3), torch.zeros(2, 4), torch.zeros(2, 3, 2, 2), torch.zeros(2, 3, dtype=torch.float64)]
)
def test_an_input_that_does_not_fit(x: torch.Tensor) -> None:
    expected = "expected input (batch, 3) or (batch, 3, length) of torch.float32"
    for norm in (nn.BatchNorm1d(3), nn.BatchNorm1d(3, affine=False)):
        with pytest.raises(ModuleError, match=re.escape(f"{expected}, got {tuple(x.shape)} of {x.dtype}")):
            norm(x)


def test_a_constant_channel_and_a_huge_one() -> None:
    x = torch.tensor([[3.0, 1e15], [3.0, -1e15]])
    norm = nn.BatchNorm1d(2)
    torch.testing.assert_close(norm(x), torch.tensor([[0.0, 1.0], [0.0, -1.0]]))
    assert norm.backward(torch.ones(2, 2)).isfinite().all()


def test_running_statistics_remember_no_graph() -> None:
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(4, 3, requires_grad=True))
    assert not any(tensor.requires_grad for tensor in norm.state_dict().values())


@pytest.mark.parametrize("momentum", [0.1, None])
def test_running_statistics_keep_infinities_as_in_torch(momentum: float | None) -> None:
    ours, theirs = nn.BatchNorm1d(3, momentum=momentum), torch.nn.BatchNorm1d(3, momentum=momentum)
    x = torch.randn(5, 3)
    x[1, 0] = float("inf")
    x[:, 1] *= 1e25
    x[:, 2] = 3e38  # of which not even the sum is finite
    for _ in range(3):
        ours(x), theirs(x)
    for name, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[name], value, equal_nan=True)
    assert ours.running_mean.value[0] == ours.running_var.value[1] == float("inf")  # type: ignore[union-attr]


def test_an_empty_batch_is_counted_and_changes_no_statistics() -> None:
    norm = nn.BatchNorm1d(2)
    assert norm(torch.zeros(0, 2)).shape == norm.backward(torch.zeros(0, 2)).shape == (0, 2)
    assert norm.num_batches_tracked.value == 1  # type: ignore[union-attr]
    assert norm.running_mean.value.tolist() == [0, 0]  # type: ignore[union-attr]
    assert norm.running_var.value.tolist() == [1, 1]  # type: ignore[union-attr]


@pytest.mark.parametrize("value", [0.1, 123.456, 1e6 + 0.3])
@pytest.mark.parametrize("count", [3, 7, 100, 256])
def test_numbers_that_are_alike_become_0(value: float, count: int) -> None:
    y = nn.BatchNorm1d(2)(torch.full((count, 2), value))
    assert y.abs().max() < 1e-6


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool])
def test_only_real_numbers_have_a_mean_and_a_variance(dtype: torch.dtype) -> None:
    norm = nn.BatchNorm1d(3, affine=False, track_running_stats=False)
    with pytest.raises(ModuleError, match=f"of floating-point numbers, got \\(4, 3\\) of {dtype}"):
        norm(torch.ones(4, 3, dtype=dtype))


@pytest.mark.parametrize("layer", [nn.BatchNorm1d(3), nn.LayerNorm(3)])
def test_a_shift_without_a_scale_is_added(layer: Any) -> None:
    layer.bias.value.fill_(5.0)
    shifted = layer.forward(torch.arange(12.0).view(4, 3))
    layer.weight = None
    torch.testing.assert_close(layer.forward(torch.arange(12.0).view(4, 3)), shifted)
