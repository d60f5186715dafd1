from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance.case import seeds
from effort import draws
from plaingrad import ModuleError, nn

ODD = torch.tensor([float("nan"), float("inf"), float("-inf"), 0.0, -0.0, 1.0], dtype=torch.float64)


@settings(max_examples=draws(60), deadline=None)
@given(
    seed=seeds,
    kernel=st.tuples(st.integers(1, 3), st.integers(1, 3)),
    stride=st.integers(1, 3),
    dilation=st.integers(1, 2),
    padded=st.booleans(),
    ceil=st.booleans(),
    kinds=st.sampled_from([ODD, ODD[1:], ODD[2:3], ODD[:1]]),
)
def test_ties_infinities_and_nan_go_where_they_go_in_torch(
    seed: int,
    kernel: tuple[int, int],
    stride: int,
    dilation: int,
    padded: bool,
    ceil: bool,
    kinds: torch.Tensor,
) -> None:
    generator = torch.Generator().manual_seed(seed)
    x = kinds[torch.randint(len(kinds), (2, 1, 6, 7), generator=generator)]
    padding = tuple(size // 2 for size in kernel) if padded else 0
    arguments = (kernel, stride, padding, dilation, True, ceil)
    ours, theirs = nn.MaxPool2d(*arguments), torch.nn.MaxPool2d(*arguments)
    leaf = x.clone().requires_grad_()
    with torch.enable_grad():
        expected, places = theirs(leaf)
    y, indices = ours(x)
    torch.testing.assert_close(y, expected, rtol=0, atol=0, equal_nan=True)
    assert torch.equal(indices, places)
    dy = torch.randn(y.shape, generator=generator, dtype=y.dtype)
    (dx,) = torch.autograd.grad(expected, leaf, dy)
    torch.testing.assert_close(ours.backward(dy, None), dx)


def test_a_gradient_of_the_indices_may_be_anything_of_their_kind() -> None:
    pool, x = nn.MaxPool2d(2, return_indices=True), torch.arange(16.0).view(1, 4, 4)
    dy = torch.ones(1, 2, 2)
    _, indices = pool(x)
    assert indices.tolist() == [[[5, 7], [13, 15]]]
    dx = pool.backward(dy, indices)
    pool(x)
    assert torch.equal(pool.backward(dy, None), dx)
    pool(x)
    assert torch.equal(pool.backward(dy), dx)
    pool(x)
    with pytest.raises(ModuleError, match=r"of torch\.int64, got"):
        pool.backward(dy, dy)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"kernel_size": 0}, "expected kernel_size to be one or two numbers from 1, got 0"),
        ({"stride": 0}, "expected stride to be one or two numbers from 1, got 0"),
        ({"dilation": (0, 1)}, "expected dilation to be one or two numbers from 1, got (0, 1)"),
        ({"padding": -1}, "expected padding to be one or two numbers from 0, got -1"),
        ({"padding": 2}, "expected padding of at most half of 3, got 2"),
    ],
)
def test_arguments_that_make_no_sense(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem)):
        nn.MaxPool2d(**{"kernel_size": 3, **arguments})


@pytest.mark.parametrize(
    ("arguments", "size", "problem"),
    [
        (
            (2,),
            (4, 4),
            "expected input (batch, channels, rows, columns) or (channels, rows, columns), got (4, 4)",
        ),
        ((3,), (1, 2, 4), "expected input of at least one window, got (1, 2, 4)"),
        ((3,), (1, 4, 0), "expected input of at least one window, got (1, 4, 0)"),
        ((2, 1, 1, 2), (1, 1, 1), "expected input in every window, got (1, 1, 1)"),
    ],
)
def test_an_input_that_does_not_fit(arguments: Any, size: tuple[int, ...], problem: str) -> None:
    with pytest.raises(ModuleError, match=re.escape(problem)) as error:
        nn.Sequential(nn.MaxPool2d(*arguments))(torch.zeros(size))
    assert str(error.value).startswith("Sequential[0] MaxPool2d(")


def test_an_empty_batch() -> None:
    pool = nn.MaxPool2d(2)
    assert pool(torch.zeros(0, 3, 4, 4)).shape == (0, 3, 2, 2)
    assert pool.backward(torch.zeros(0, 3, 2, 2)).shape == (0, 3, 4, 4)
