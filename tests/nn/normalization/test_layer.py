from __future__ import annotations

import re

import pytest
import torch

from plaingrad import ModuleError, nn


def test_sizes_may_be_a_number_a_list_or_a_size() -> None:
    assert nn.LayerNorm(3).normalized_shape == (3,)
    assert nn.LayerNorm([2, 3]).normalized_shape == (2, 3)
    assert nn.LayerNorm(torch.Size([2, 3])).normalized_shape == (2, 3)
    with pytest.raises(
        ModuleError, match=re.escape("expected a normalized_shape of at least one axis, got ()")
    ):
        nn.LayerNorm([])


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    "x", [torch.zeros(3), torch.zeros(2, 4), torch.zeros(3, 2), torch.tensor(1.0), torch.zeros(2, 3).double()]
)
def test_an_input_that_does_not_fit(x: torch.Tensor) -> None:
    expected = f"expected input (*, 2, 3) of torch.float32, got {tuple(x.shape)} of {x.dtype}"
    with pytest.raises(ModuleError, match=re.escape(f"Sequential[0] LayerNorm([2, 3]): {expected}")):
        nn.Sequential(nn.LayerNorm([2, 3]))(x)


def test_constant_and_huge_samples() -> None:
    norm = nn.LayerNorm(2)
    x = torch.tensor([[3.0, 3.0], [1e15, -1e15]])
    torch.testing.assert_close(norm(x), torch.tensor([[0.0, 0.0], [1.0, -1.0]]))
    assert norm.backward(torch.randn(2, 2)).isfinite().all()


def test_an_empty_batch() -> None:
    norm = nn.LayerNorm(3)
    assert norm(torch.zeros(0, 3)).shape == (0, 3)
    assert norm.backward(torch.zeros(0, 3)).shape == (0, 3)
    assert not norm.weight.grad.any()  # type: ignore[union-attr]


def test_parameters_can_be_reset() -> None:
    for norm in (nn.LayerNorm(3), nn.LayerNorm(3, bias=False), nn.LayerNorm(3, elementwise_affine=False)):
        for value in norm.state_dict().values():
            value.fill_(7)
        norm.reset_parameters()
        for name, value in norm.state_dict().items():
            assert torch.equal(value, torch.ones(3) if name == "weight" else torch.zeros(3))


@pytest.mark.parametrize("value", [0.1, 123.456, 1e6 + 0.3])
@pytest.mark.parametrize("count", [3, 7, 100, 256])
def test_numbers_that_are_alike_become_0(value: float, count: int) -> None:
    assert nn.LayerNorm(count)(torch.full((2, count), value)).abs().max() < 1e-6


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64, torch.bool])
def test_only_real_numbers_have_a_mean_and_a_variance(dtype: torch.dtype) -> None:
    with pytest.raises(ModuleError, match=f"of floating-point numbers, got \\(4, 3\\) of {dtype}"):
        nn.LayerNorm(3, elementwise_affine=False)(torch.ones(4, 3, dtype=dtype))
