from __future__ import annotations

import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"groups": 2}, "expected groups that divide 3 in_channels and 4 out_channels, got 2"),
        ({"groups": 0}, "expected groups that divide 3 in_channels and 4 out_channels, got 0"),
        ({"kernel_size": 0}, "expected kernel_size to be one or two numbers from 1, got 0"),
        ({"stride": (1, 0)}, "expected stride to be one or two numbers from 1, got (1, 0)"),
        ({"dilation": 0}, "expected dilation to be one or two numbers from 1, got 0"),
        ({"padding": -1}, "expected padding to be one or two numbers from 0, got -1"),
        ({"padding": "full"}, "expected padding 'same', 'valid' or numbers, got 'full'"),
        ({"padding": "same", "stride": (1, 2)}, "expected stride 1 with padding='same', got (1, 2)"),
        (
            {"padding_mode": "constant"},
            "expected padding_mode from zeros, reflect, replicate, circular, got 'constant'",
        ),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem)):
        nn.Conv2d(**{"in_channels": 3, "out_channels": 4, "kernel_size": 3, **arguments})


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize(
    "x",
    [torch.zeros(5, 5), torch.zeros(2, 4, 5, 5), torch.zeros(1, 2, 3, 5, 5), torch.zeros(3, 5, 5).double()],
)
def test_an_input_that_does_not_fit(x: torch.Tensor) -> None:
    expected = "expected input (batch, 3, rows, columns) or (3, rows, columns) of torch.float32"
    came = f"{tuple(x.shape)} of {x.dtype}"
    with pytest.raises(
        ModuleError, match=re.escape(f"Sequential[0] Conv2d(3, 4, 3): {expected}, got {came}")
    ):
        nn.Sequential(nn.Conv2d(3, 4, 3))(x)


def test_a_kernel_that_is_larger_than_the_input() -> None:
    problem = "expected input that covers the kernel's (5, 3) when padded, got (1, 1, 4, 1), padded (4, 3)"
    with pytest.raises(ModuleError, match=re.escape(problem)):
        nn.Conv2d(1, 1, 3, padding=(0, 1), dilation=(2, 1))(torch.zeros(1, 1, 4, 1))


@pytest.mark.parametrize(("mode", "most"), [("reflect", 2), ("circular", 3)])
def test_padding_that_needs_more_than_the_input_has(mode: str, most: int) -> None:
    conv = nn.Conv2d(1, 1, 1, padding=(0, most + 1), padding_mode=mode)
    problem = f"expected {mode} padding of at most {most} for input (1, 5, 3), got {most + 1}"
    with pytest.raises(ModuleError, match=re.escape(problem)):
        conv(torch.zeros(1, 5, 3))


def test_an_empty_batch() -> None:
    conv = nn.Conv2d(4, 2, 3, padding=1, groups=2)
    assert conv(torch.zeros(0, 4, 5, 5)).shape == (0, 2, 5, 5)
    assert conv.backward(torch.zeros(0, 2, 5, 5)).shape == (0, 4, 5, 5)
    assert not conv.weight.grad.any()


def test_padding_with_zeros_keeps_infinities_apart() -> None:
    conv = nn.Conv2d(1, 1, 3, padding=2, bias=False)
    x = torch.zeros(1, 1, 4, 4)
    x[..., 0, 0] = float("inf")
    assert conv(x)[..., 1:, 3:].isfinite().all()


def test_it_takes_views_of_any_strides() -> None:
    conv = nn.Conv2d(3, 2, 2, dtype=torch.float64)
    base = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    views = [base.permute(0, 3, 2, 1), base[:, :1, :1].permute(0, 3, 2, 1).expand(2, 3, 4, 5)]
    for x in views:
        y = conv(x)
        found = conv.backward(torch.ones_like(y))
        torch.testing.assert_close(y, conv(x.contiguous()))
        torch.testing.assert_close(found, conv.backward(torch.ones_like(y)))
