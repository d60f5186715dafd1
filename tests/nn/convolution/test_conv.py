from __future__ import annotations

import math
import re
from typing import Any

import pytest
import torch

from plaingrad import ModuleError, nn
from plaingrad.nn.convolution import products


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


@pytest.mark.parametrize(("size", "dilation"), [(2, 1), (4, 1), (2, 3), (3, 1)])
def test_same_padding_adds_the_odd_one_after_the_image(size: int, dilation: int) -> None:
    """A kernel of ones that sees a single 1 shows where the windows stand."""
    conv = nn.Conv2d(1, 1, size, padding="same", dilation=dilation, bias=False)
    conv.weight.value.fill_(1)
    x = torch.zeros(1, 1, 13, 13)
    x[..., 6, 6] = 1
    before = dilation * (size - 1) // 2
    rows = [6 + before - dilation * i for i in range(size)]
    y = conv(x)
    assert sorted(y[0, 0].sum(1).nonzero().flatten().tolist()) == sorted(rows)
    assert sorted(y[0, 0].sum(0).nonzero().flatten().tolist()) == sorted(rows)
    dy = torch.randn_like(y)
    leaf = x.clone().requires_grad_()
    weight = torch.ones(1, 1, size, size)
    right = torch.nn.functional.conv2d(leaf, weight, padding="same", dilation=dilation)
    torch.testing.assert_close(conv.backward(dy), torch.autograd.grad(right, leaf, dy)[0])


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_the_bias_is_drawn_up_to_a_bound_that_one_output_s_inputs_set(groups: int) -> None:
    layers = [nn.Conv2d(8, 400, (3, 2), groups=groups) for _ in range(10)]
    draws = [layer.state_dict()["bias"] for layer in layers]
    bound = 1 / math.sqrt(8 // groups * 3 * 2)
    assert 0.99 * bound < torch.cat(draws).abs().max() <= bound


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(dtype: torch.dtype) -> None:
    """Each pixel's gradient has 7 * 7 terms for each output; so many roundings would be seen."""
    conv, x = nn.Conv2d(2, 3, 7, dtype=dtype), torch.randn(2, 2, 20, 20).to(dtype)
    exact = nn.Conv2d(2, 3, 7, dtype=torch.float64)
    exact.load_state_dict(conv.state_dict())
    dy = torch.randn(2, 3, 14, 14).to(dtype)
    close = {"rtol": torch.finfo(dtype).eps, "atol": 1e-5}
    torch.testing.assert_close(conv(x).double(), exact(x.double()), **close)
    torch.testing.assert_close(conv.backward(dy).double(), exact.backward(dy.double()), **close)
    for parameter, right in zip(conv.parameters(), exact.parameters()):
        torch.testing.assert_close(parameter.grad.double(), right.grad, **close)


@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize("width", [products.SHORT_ROW + 1, products.SHORT_ROW + 2])
@pytest.mark.parametrize("at_once", [1, 3000, 10**6])
def test_rows_short_and_long_some_samples_at_a_time(
    monkeypatch: pytest.MonkeyPatch, groups: int, width: int, at_once: int
) -> None:
    monkeypatch.setattr(products, "COLUMN_ELEMENTS", at_once)
    theirs = torch.nn.Conv2d(4, 8, 3, (2, 1), (1, 0), groups=groups, dtype=torch.float64)
    ours = nn.Conv2d(4, 8, 3, (2, 1), (1, 0), groups=groups, dtype=torch.float64)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(5, 4, 6, width, dtype=torch.float64, requires_grad=True)
    y = theirs(x)
    dy = torch.randn_like(y)
    y.backward(dy)
    torch.testing.assert_close(ours(x.detach()), y.detach())
    torch.testing.assert_close(ours.backward(dy), x.grad)
    for parameter, right in zip(ours.parameters(), theirs.parameters()):
        torch.testing.assert_close(parameter.grad, right.grad)
