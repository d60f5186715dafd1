"""Activations where random numbers never fall: at kinks, far away, next to nothing and at infinity."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.activations import CASES
from conformance.case import Arguments, Case, seeds
from plaingrad import nn

TOLERANCES = {
    torch.float64: {"rtol": 1e-9, "atol": 1e-11},
    torch.float32: {"rtol": 1.3e-6, "atol": 1e-5},  # torch.testing's own for single precision
}
every_case = pytest.mark.parametrize("case", CASES, ids=repr)
every_dtype = pytest.mark.parametrize("dtype", TOLERANCES, ids=str)


def special_points(arguments: Arguments) -> list[float]:
    """Every bound, threshold and corner that an activation with these arguments can have, and beyond."""
    corners = [value for value in arguments.values() if isinstance(value, float)]
    corners += [0.5, 1.0, 3.0, 6.0, 20.0]
    far = [100.0, 1000.0, math.inf]
    tiny = [torch.finfo(torch.float32).tiny, torch.finfo(torch.float32).smallest_normal / 2**20]
    return [0.0, *(sign * point for point in corners + far + tiny for sign in (1, -1))]


@st.composite
def special_input(draw: st.DrawFn, case: Case, arguments: Arguments, dtype: torch.dtype) -> Tensor:
    """An input of a shape that suits the case, made of special points and ordinary ones."""
    (x,) = draw(case.inputs(arguments))
    points = st.sampled_from(special_points(arguments)) | st.floats(-1000, 1000)
    values = draw(st.lists(points, min_size=x.numel(), max_size=x.numel()))
    return torch.tensor(values, dtype=dtype).reshape(x.shape)


def assert_equal_where_finite(found: Tensor, wanted: Tensor, dtype: torch.dtype) -> None:
    finite = wanted.isfinite()
    torch.testing.assert_close(found[finite], wanted[finite], **TOLERANCES[dtype])


@every_case
@every_dtype
@settings(max_examples=40, deadline=None)
@given(data=st.data(), seed=seeds)
def test_values_and_gradients_equal_those_of_torch(
    case: Case, dtype: torch.dtype, data: st.DataObject, seed: int
) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    x = data.draw(special_input(case, arguments, dtype), label="x")
    ours = case.ours(**arguments).to(dtype)
    theirs = case.theirs(**arguments).to(dtype)
    if case.random:
        ours, theirs = ours.eval(saving=True), theirs.eval()

    leaf = x.clone().requires_grad_(True)
    with torch.enable_grad():
        wanted = theirs(leaf)
    y = ours.forward(x)
    assert_equal_where_finite(y, wanted.detach(), dtype)

    dy = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)
    dx = ours.backward(dy)
    wanted.backward(dy)
    assert_equal_where_finite(dx, leaf.grad, dtype)
    for parameter, its in zip(ours.parameters(), theirs.parameters()):
        assert_equal_where_finite(parameter.grad, its.grad, dtype)


@every_case
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_not_a_number_is_passed_on(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    (x,) = data.draw(case.inputs(arguments), label="x")
    assert case.ours(**arguments).to(x.dtype).forward(x * math.nan).isnan().all()


@pytest.mark.parametrize("alpha", [0.3, 0.7, 3.0])
def test_celu_has_slope_1_at_zero_and_sinks_to_minus_alpha(alpha: float) -> None:
    celu = nn.CELU(alpha)
    y = celu.forward(torch.tensor([0.0, -10000.0], dtype=torch.float64))
    dx = celu.backward(torch.ones_like(y))
    assert y.tolist() == [0.0, -alpha]
    assert dx.tolist() == [1.0, 0.0]


@pytest.mark.parametrize("name", ["Softmax", "Softmin", "LogSoftmax"])
def test_a_masked_place_gets_no_probability_and_no_gradient(name: str) -> None:
    masked = math.inf if name == "Softmin" else -math.inf
    x = torch.tensor([[masked, 1.0, 2.0]], dtype=torch.float64)
    softmax = getattr(nn, name)(dim=1)
    y = softmax.forward(x)
    dx = softmax.backward(torch.tensor([[0.0, 1.0, -3.0]], dtype=torch.float64))
    assert y[0, 0] == (-math.inf if name == "LogSoftmax" else 0)
    assert dx[0, 0] == 0
    assert dx.isfinite().all()
    torch.testing.assert_close(dx.sum(), torch.zeros((), dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["ReLU", "ReLU6", "Hardsigmoid", "Hardswish", "Softshrink", "Hardshrink"])
def test_a_gradient_without_axes_keeps_its_dtype(name: str, dtype: torch.dtype) -> None:
    layer, x = getattr(nn, name)(), torch.tensor(2.0, dtype=dtype)
    assert layer.backward(torch.ones_like(layer(x))).dtype == dtype
