"""What rows of the conformance table must satisfy at the edges of what numbers and shapes there are."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance import activations, regularization
from conformance.case import Arguments, Case, Inputs, seeds
from conformance.test_conformance import as_tuple
from plaingrad import nn
from plaingrad.module import Module, ModuleError

# The rows that are held to these tests so far.
CASES = [*activations.CASES, *regularization.CASES]
every_case = pytest.mark.parametrize("case", CASES, ids=repr)
examples = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])

SINGLE, DOUBLE, HALVES = torch.float32, torch.float64, (torch.float16, torch.bfloat16)
TOLERANCES = {
    DOUBLE: {"rtol": 1e-9, "atol": 1e-11},
    SINGLE: {"rtol": 1.3e-6, "atol": 1e-5},  # torch.testing's own
    # Two units in the last place, or two of the smallest numbers.
    torch.float16: {"rtol": 2**-9, "atol": 2**-23},
    torch.bfloat16: {"rtol": 2**-6, "atol": 2**-23},
}
# Softsign and Tanhshrink are composed of tensor operations in torch.nn, whose parts are infinity less infinity where
# the whole is a number; its float32 GELU loses a slope that nearly vanishes, and infinity times 0 is none.
MORE_NUMBERS = {nn.Softsign, nn.Tanhshrink, nn.GELU}
# Sums along an axis may cancel, so that units in the last place say nothing.
SUMS = {nn.Softmax, nn.Softmin, nn.Softmax2d, nn.LogSoftmax, nn.PReLU}
UPSTREAM = [math.inf, -math.inf, math.nan, 0.0, -0.0, 1.0, -1.7]


def special_points(arguments: Arguments) -> list[float]:
    """Every bound, threshold and corner that a class with these arguments can have, and beyond."""
    corners = [value for value in arguments.values() if isinstance(value, float)]
    corners += [0.5, 1.0, 3.0, 6.0, 20.0]
    far = [40.0, 100.0, 300.0, 1000.0, 30000.0, math.inf]
    tiny = [1e-7, torch.finfo(SINGLE).tiny, torch.finfo(SINGLE).smallest_normal / 2**20]
    return [0.0, math.nan, *(sign * point for point in corners + far + tiny for sign in (1, -1))]


@st.composite
def filled(draw: st.DrawFn, x: Tensor, values: st.SearchStrategy[float]) -> Tensor:
    """A tensor of the shape of ``x`` with these values."""
    drawn = draw(st.lists(values, min_size=x.numel(), max_size=x.numel()))
    return torch.tensor(drawn, dtype=x.dtype).reshape(x.shape)


@st.composite
def special_inputs(draw: st.DrawFn, case: Case, arguments: Arguments) -> Inputs:
    """Inputs of shapes that suit the case, made of special points and ordinary ones."""
    values = st.sampled_from(special_points(arguments)) | st.floats(-30, 30)
    return tuple(
        draw(filled(x, values)) if x.is_floating_point() else x for x in draw(case.inputs(arguments))
    )


def pair(case: Case, arguments: Arguments, dtype: torch.dtype) -> tuple[Module, torch.nn.Module]:
    """A module and its counterpart with the same state, so that neither draws random numbers."""
    ours = case.ours(**arguments).to(dtype)
    theirs = case.theirs(**arguments).to(dtype)
    theirs.load_state_dict(ours.state_dict())
    return (ours.eval(saving=True), theirs.eval()) if case.random else (ours, theirs)


def converted(inputs: Inputs, dtype: torch.dtype) -> Inputs:
    return tuple(x.to(dtype) if x.is_floating_point() else x for x in inputs)


def of_torch(theirs: torch.nn.Module, inputs: Inputs, dys: Inputs) -> list[Tensor]:
    """Outputs, and gradients with respect to inputs and parameters."""
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in inputs]
    theirs.zero_grad()
    with torch.enable_grad():
        outputs = as_tuple(theirs(*leaves))
    torch.autograd.backward(outputs, dys)
    return [
        *(y.detach() for y in outputs),
        *(x.grad for x in leaves if x.requires_grad),
        *(p.grad for p in theirs.parameters()),
    ]


def of_ours(ours: Module, inputs: Inputs, dys: Inputs) -> list[Tensor]:
    ours.zero_grad()
    outputs = as_tuple(ours.forward(*inputs))
    dxs = [dx for dx in as_tuple(ours.backward(*dys)) if dx is not None]
    return [*outputs, *dxs, *(p.grad for p in ours.parameters())]


def strided(x: Tensor) -> Tensor:
    """The same numbers two elements apart."""
    return torch.stack([x, x], -1)[..., 0]


def permuted(x: Tensor) -> Tensor:
    """The same numbers with the first axis innermost in memory."""
    order = list(range(x.ndim))[::-1]
    return x.permute(order).contiguous().permute(order)


def channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last) if x.ndim == 4 else x


def expanded(x: Tensor) -> Tensor:
    """The first row in place of every row, without memory of its own."""
    return x[:1].expand_as(x) if x.ndim else x


LAYOUTS = (strided, permuted, channels_last, expanded)


def in_lanes(theirs: torch.nn.Module, inputs: Inputs, dys: Inputs) -> list[Tensor]:
    """Torch's results for each element alone in vectors that it fills."""
    inputs, dys = (tuple(x.unsqueeze(-1).expand(*x.shape, 64).contiguous() for x in xs) for xs in (inputs, dys))
    return [each[..., 0] for each in of_torch(theirs, inputs, dys)]


def alternatives(case: Case, theirs: torch.nn.Module, inputs: Inputs, dys: Inputs) -> list[list[Tensor]]:
    """All that torch gives: for NaN some of its functions differ between whole vectors and single elements."""
    results = [of_torch(theirs, inputs, dys)]
    if case.inputs is activations.any_shape:
        results.append(in_lanes(theirs, inputs, dys))
        results.append(of_torch(theirs, tuple(map(strided, inputs)), tuple(map(strided, dys))))
    return results


def assert_among(ours: list[Tensor], *theirs: list[Tensor], case: Case) -> None:
    """Each number must be one that torch gives, in one way or another of computing it."""
    for found, *expected in zip(ours, *theirs, strict=True):
        right = expected[0].isnan() & ~found.isnan() if case.ours in MORE_NUMBERS else torch.tensor(False)
        for each in expected:
            assert found.shape == each.shape
            each = each.to(found.dtype).double()
            right = right | torch.isclose(found.double(), each, **TOLERANCES[found.dtype], equal_nan=True)
        assert right.all(), f"{found[~right]} instead of {[each[~right] for each in expected]}"


@every_case
@pytest.mark.parametrize("dtype", [SINGLE, DOUBLE], ids=str)
@examples
@given(data=st.data())
def test_any_upstream_gradient_at_any_input(case: Case, dtype: torch.dtype, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = converted(data.draw(special_inputs(case, arguments), label="inputs"), dtype)
    ours, theirs = pair(case, arguments, dtype)
    ys = as_tuple(copy.deepcopy(ours).forward(*inputs))
    dys = tuple(data.draw(filled(y, st.sampled_from(UPSTREAM)), label="dy") for y in ys)
    assert_among(of_ours(ours, inputs, dys), *alternatives(case, theirs, inputs, dys), case=case)


@pytest.mark.parametrize("case", [case for case in CASES if case.ours not in SUMS], ids=repr)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@examples
@given(data=st.data(), seed=seeds, scale=st.sampled_from([1e-3, 1.0, 300.0]))
def test_half_precision(
    case: Case, dtype: torch.dtype, data: st.DataObject, seed: int, scale: float
) -> None:
    """Equal to torch's result in half precision, or to its result in double precision, rounded once."""
    arguments = data.draw(case.arguments, label="arguments")
    inputs = converted(data.draw(special_inputs(case, arguments), label="inputs"), dtype)
    ours, theirs = pair(case, arguments, dtype)
    ys = as_tuple(copy.deepcopy(ours).forward(*inputs))
    generator = torch.Generator().manual_seed(seed)
    dys = tuple((scale * torch.randn(y.shape, generator=generator)).to(dtype) for y in ys)
    results = alternatives(case, theirs, inputs, dys)
    results.append(of_torch(theirs.double(), converted(inputs, DOUBLE), converted(dys, DOUBLE)))
    assert_among(of_ours(ours, inputs, dys), *results, case=case)


@every_case
@examples
@given(data=st.data())
def test_an_axis_of_size_0(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = data.draw(case.inputs(arguments).filter(lambda inputs: inputs[0].ndim > 0), label="inputs")
    axis = data.draw(st.integers(0, inputs[0].ndim - 1), label="axis")
    inputs = tuple(x.narrow(axis, 0, 0) for x in inputs)
    ours, theirs = pair(case, arguments, DOUBLE)
    try:
        ys = as_tuple(theirs(*inputs))
    except (RuntimeError, IndexError):
        with pytest.raises(ModuleError):
            ours.forward(*inputs)
        return
    dys = tuple(torch.ones_like(y) for y in ys)
    assert_among(of_ours(ours, inputs, dys), of_torch(theirs, inputs, dys), case=case)


@every_case
@pytest.mark.parametrize("layout", LAYOUTS)
@examples
@given(data=st.data(), seed=seeds)
def test_layouts(case: Case, layout: Any, data: st.DataObject, seed: int) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = tuple(map(layout, data.draw(case.inputs(arguments), label="inputs")))
    ours, theirs = pair(case, arguments, DOUBLE)
    generator = torch.Generator().manual_seed(seed)
    ys = as_tuple(copy.deepcopy(ours).forward(*inputs))
    dys = tuple(layout(torch.randn(y.shape, generator=generator, dtype=DOUBLE)) for y in ys)
    assert_among(of_ours(ours, inputs, dys), of_torch(theirs, inputs, dys), case=case)


@every_case
@settings(max_examples=5, deadline=None)
@given(data=st.data())
def test_complex_numbers_are_refused(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = data.draw(case.inputs(arguments), label="inputs")
    with pytest.raises(ModuleError, match="complex"):
        case.ours(**arguments).forward(*[x.to(torch.complex64) for x in inputs])
