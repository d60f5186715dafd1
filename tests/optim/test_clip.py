"""Gradient clipping equals torch.nn.utils'."""

from __future__ import annotations

import inspect
import math
import re
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from plaingrad import Parameter, optim

SHAPES = [(3, 2), (), (1,), (2, 1, 3), (5,)]
examples = settings(max_examples=50, deadline=None)
scales = st.sampled_from([0.0, 1e-3, 1.0, 1e3])
seeds = st.integers(0, 2**32 - 1)


def gradients(seed: int, scale: float, count: int) -> tuple[list[Parameter], list[torch.Tensor]]:
    """Parameters of ours and of torch's with the same random gradients."""
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = [], []
    for shape in SHAPES[:count]:
        grad = scale * torch.randn(shape, generator=generator, dtype=torch.float64)
        ours.append(Parameter(torch.zeros_like(grad)))
        ours[-1].grad = grad
        theirs.append(torch.zeros_like(grad).requires_grad_())
        theirs[-1].grad = grad.clone()
    return ours, theirs


def assert_equal(ours: list[Parameter], theirs: list[torch.Tensor]) -> None:
    for parameter, tensor in zip(ours, theirs):
        torch.testing.assert_close(parameter.grad, tensor.grad, rtol=1e-12, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_"])
def test_arguments_and_defaults_are_those_of_torch(name: str) -> None:
    def arguments(function: Any) -> list[tuple[str, Any]]:
        parameters = inspect.signature(function).parameters.values()
        return [(p.name, p.default) for p in parameters if p.name != "foreach"]

    assert arguments(getattr(optim, name)) == arguments(getattr(torch.nn.utils, name))


@examples
@given(
    seed=seeds,
    scale=scales,
    count=st.integers(1, len(SHAPES)),
    max_norm=st.floats(0, 10) | st.just(math.inf),
    norm_type=st.sampled_from([0.5, 1, 2.0, 3, math.inf]),
)
def test_clipping_by_norm(seed: int, scale: float, count: int, max_norm: float, norm_type: float) -> None:
    ours, theirs = gradients(seed, scale, count)
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    torch.testing.assert_close(norm, wanted, rtol=1e-12, atol=0)
    assert_equal(ours, theirs)


@examples
@given(seed=seeds, scale=scales, clip_value=st.floats(0, 3))
def test_clipping_by_value(seed: int, scale: float, clip_value: float) -> None:
    ours, theirs = gradients(seed, scale, len(SHAPES))
    optim.clip_grad_value_(ours, clip_value)
    torch.nn.utils.clip_grad_value_(theirs, clip_value)
    assert_equal(ours, theirs)


def test_one_parameter_or_an_iterator_of_them() -> None:
    parameter = Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([3.0, 4.0])
    assert optim.clip_grad_norm_(iter([parameter]), 100).item() == 5
    assert optim.clip_grad_norm_(parameter, 100).item() == 5
    optim.clip_grad_value_(parameter, 3.5)
    assert parameter.grad.tolist() == [3.0, 3.5]


def test_an_infinite_norm_can_be_refused() -> None:
    parameter = Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([1.0, math.inf])
    with pytest.raises(ValueError, match=r"^clip_grad_norm_: expected a finite norm of order 2.0, got inf$"):
        optim.clip_grad_norm_(parameter, 1.0, error_if_nonfinite=True)
    assert parameter.grad.tolist() == [1.0, math.inf]
    assert optim.clip_grad_norm_(parameter, 1.0).item() == math.inf


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (optim.clip_grad_norm_, ([], 1.0), "expected at least one parameter, got none"),
        (optim.clip_grad_value_, ([], 1.0), "expected at least one parameter, got none"),
        (optim.clip_grad_norm_, ([], -1.0), "expected max_norm to be a number of at least 0, got -1.0"),
        (optim.clip_grad_norm_, ([], 1.0, 0), "expected norm_type to be a number above 0, got 0"),
        (optim.clip_grad_value_, ([], math.nan), "expected clip_value to be a number of at least 0, got nan"),
    ],
)
def test_arguments_out_of_range_are_refused(function: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'{function.__name__}: {message}')}$"):
        function(*arguments)
