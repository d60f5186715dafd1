"""Gradient clipping equals torch.nn.utils'."""

from __future__ import annotations

import inspect
import math
import re
from fractions import Fraction
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import draws
from plaingrad import Parameter, optim

SHAPES = [(3, 2), (), (1,), (2, 1, 3), (5,)]
examples = settings(max_examples=draws(50), deadline=None)
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


@pytest.mark.parametrize(
    "name", ["clip_grad_norm_", "clip_grad_value_", "clip_grads_with_norm_", "get_total_norm"]
)
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
    norm_type=st.sampled_from([-math.inf, -2.0, -0.5, 0, 0.5, 1, 2.0, 3, math.inf]),
)
def test_clipping_by_norm(seed: int, scale: float, count: int, max_norm: float, norm_type: float) -> None:
    ours, theirs = gradients(seed, scale, count)
    norm = optim.clip_grad_norm_(ours, max_norm, norm_type)
    wanted = torch.nn.utils.clip_grad_norm_(theirs, max_norm, norm_type)
    torch.testing.assert_close(norm, wanted, rtol=1e-12, atol=0)
    assert_equal(ours, theirs)


@examples
@given(
    seed=seeds,
    scale=scales,
    count=st.integers(1, len(SHAPES)),
    max_norm=st.floats(0, 10) | st.just(math.inf),
    norm_type=st.sampled_from([-math.inf, -0.5, 0, 1, 2.0, 3, math.inf]),
)
def test_part_of_the_gradients_by_the_norm_of_all(
    seed: int, scale: float, count: int, max_norm: float, norm_type: float
) -> None:
    ours, theirs = gradients(seed, scale, len(SHAPES))
    norm = optim.get_total_norm((p.grad for p in ours), norm_type)
    expected = torch.nn.utils.get_total_norm([p.grad for p in theirs if p.grad is not None], norm_type)
    torch.testing.assert_close(norm, expected, rtol=1e-12, atol=0)
    optim.clip_grads_with_norm_(ours[:count], max_norm, norm)
    torch.nn.utils.clip_grads_with_norm_(theirs[:count], max_norm, expected)
    assert_equal(ours, theirs)


def test_the_norm_of_one_tensor_and_of_none() -> None:
    assert optim.get_total_norm(torch.tensor([3.0, 4.0])).item() == 5
    assert optim.get_total_norm([]).item() == torch.nn.utils.get_total_norm([]).item() == 0
    with pytest.raises(ValueError, match=r"^get_total_norm: expected a finite norm of order 2.0, got nan$"):
        optim.get_total_norm(torch.tensor([math.nan]), error_if_nonfinite=True)


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
        (optim.clip_grad_norm_, ([], 1.0, math.nan), "expected norm_type to be a number, got nan"),
        (
            optim.clip_grads_with_norm_,
            ([], 1.0, -1.0),
            "expected total_norm to be a norm, of at least 0, got -1.0",
        ),
        (optim.clip_grads_with_norm_, ([], 1.0, 1.0), "expected at least one parameter, got none"),
        (optim.get_total_norm, ([], math.nan), "expected norm_type to be a number, got nan"),
        (optim.clip_grad_value_, ([], math.nan), "expected clip_value to be a number of at least 0, got nan"),
    ],
)
def test_arguments_out_of_range_are_refused(function: Any, arguments: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(f'{function.__name__}: {message}')}$"):
        function(*arguments)


# Each is scaled so that a power of it leaves the range of its dtype.
POWERS = [
    (torch.float32, 1e20, 2.0),
    (torch.float32, 3e38, 2.0),
    (torch.float32, 1e-30, 2.0),
    (torch.float32, 1e-44, 2.0),
    (torch.float32, 1e38, 10.0),
    (torch.float32, 1e-30, 10.0),
    (torch.float32, 1e-30, -2.0),
    (torch.float32, 1e30, -3.0),
    (torch.float64, 1e200, 2.0),
    (torch.float64, 1e308, 2.0),
    (torch.float64, 1e-200, 2.0),
    (torch.float64, 1e-320, 2.0),
    (torch.float64, 1e-200, -2.0),
    (torch.float64, 1e200, 0.5),
    (torch.float16, 6e4, 2.0),
    (torch.float16, 1e-7, 2.0),
    (torch.bfloat16, 1e38, 2.0),
]


@pytest.mark.parametrize(("dtype", "size", "order"), POWERS)
@pytest.mark.parametrize("max_norm", [math.inf, 1.0, 1e-3])
def test_the_norm_is_that_of_numbers_without_bounds(
    dtype: torch.dtype, size: float, order: float, max_norm: float
) -> None:
    grads = [torch.tensor([0.25, -1.0, 0.5], dtype=dtype) * size, torch.tensor([[0.125]], dtype=dtype) * size]
    parameters = [Parameter(torch.zeros_like(grad)) for grad in grads]
    for parameter, grad in zip(parameters, grads):
        parameter.grad = grad
    exact = [abs(Fraction(number)) for grad in grads for number in grad.double().flatten().tolist()]
    largest = max(exact) if order > 0 else min(exact)
    relative = sum(float(number / largest) ** order for number in exact) ** (1 / order)
    norm = largest * Fraction(relative)
    rounding = 4 * torch.finfo(dtype).eps

    result = optim.clip_grad_norm_(parameters, max_norm, order)
    representable = norm <= torch.finfo(dtype).max
    expected = torch.tensor(float(norm) if representable else math.inf, dtype=dtype)
    assert result.dtype == dtype
    torch.testing.assert_close(result, expected, rtol=rounding, atol=0)
    factor = min(Fraction(1), Fraction(max_norm) / (norm + Fraction(1e-6))) if max_norm < math.inf else 1
    for parameter, grad in zip(parameters, grads):
        scaled = [float(Fraction(number) * factor) for number in grad.double().flatten().tolist()]
        least = torch.finfo(dtype).smallest_normal * torch.finfo(dtype).eps
        torch.testing.assert_close(
            parameter.grad.flatten(), torch.tensor(scaled, dtype=dtype), rtol=rounding, atol=least
        )


@pytest.mark.parametrize(
    "numbers", [[math.inf, 1.0], [math.nan, 1.0], [math.inf, math.nan], [-math.inf, 0.0]]
)
@pytest.mark.parametrize("order", [-1.0, 0, 1, 2.0, math.inf, -math.inf])
def test_gradients_that_are_not_finite(numbers: list[float], order: float) -> None:
    ours, theirs = Parameter(torch.zeros(2)), torch.zeros(2, requires_grad=True)
    ours.grad = theirs.grad = torch.tensor(numbers)
    theirs.grad = torch.tensor(numbers)
    norm = optim.clip_grad_norm_(ours, 0.5, order)
    torch.testing.assert_close(norm, torch.nn.utils.clip_grad_norm_(theirs, 0.5, order), equal_nan=True)
    torch.testing.assert_close(ours.grad, theirs.grad, equal_nan=True)


def test_parameters_without_a_gradient_and_frozen_ones_do_not_count() -> None:
    parameters = [Parameter(torch.zeros(2)) for _ in range(3)]
    assert optim.clip_grad_norm_(parameters, 1.0).item() == 0
    for parameter in parameters[:2]:
        parameter.grad = torch.tensor([3.0, 4.0])
    parameters[0].frozen = True
    assert optim.clip_grad_norm_(parameters, 10.0).item() == 5
    assert [parameter.has_grad for parameter in parameters] == [True, True, False]


@pytest.mark.parametrize("size", [1e20, 3e38, 1e-30, 1e-44])
def test_an_optimizer_bounds_the_norm_of_any_finite_gradient(size: float) -> None:
    parameter = Parameter(torch.zeros(2))
    parameter.grad = torch.tensor([size, -size])
    optim.SGD([parameter], lr=1.0, clip_norm=1.0).step()
    length = torch.linalg.vector_norm(parameter.grad.double()).item()
    expected = size / (size * math.sqrt(2) + 1e-6) if size > 1e-6 else size
    torch.testing.assert_close(parameter.value, torch.tensor([-expected, expected]), rtol=1e-5, atol=2e-45)
    assert length <= 1 + 1e-6
