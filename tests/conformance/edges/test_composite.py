"""Every row inside a module of one's own: the same numbers, a path in errors, and nothing left behind."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.differences import DIFFERENCES
from conformance.edges.running import DOUBLE, as_tuple, few, pairs, upstream
from conformance.table import CASES
from plaingrad import Module, ModuleError, nn
from plaingrad.inspect import check_gradients

same: dict[str, Any] = {"rtol": 0, "atol": 0, "equal_nan": True}
every_case = pytest.mark.parametrize("case", CASES, ids=repr)


class Composite(Module):
    """A row's module, after a layer that leaves alone what is not negative, if the input has gradients."""

    differentiable = ("x",)

    def __init__(self, inner: Module, takes_floats: bool, count: int) -> None:
        self.before = nn.PReLU(init=0.5, dtype=DOUBLE) if takes_floats else None
        self.inner = inner
        self.count = count  # of inputs

    def forward(self, x: Tensor, *others: Tensor) -> Any:
        return self.inner.forward(x if self.before is None else self.before.forward(x), *others)

    def backward(self, *dys: Any) -> Any:
        dx = as_tuple(self.inner.backward(*dys))[0]
        dx = dx if self.before is None or dx is None else self.before.backward(dx)
        return (dx, *[None] * (self.count - 1)) if self.count > 1 else dx


@st.composite
def composites(draw: st.DrawFn, case: Case) -> Any:
    """A composite in double precision, and inputs for it."""
    arguments = draw(case.arguments)
    inputs = draw(case.inputs(arguments))
    inner, _ = draw(pairs(case, arguments, DOUBLE))
    composite = Composite(inner, inputs[0].is_floating_point(), len(inputs))
    return composite.train() if inner.training else composite.eval(saving=True), inputs


def gradients(module: Module) -> list[Tensor]:
    return [parameter.grad.clone() for parameter in module.parameters()]


@every_case
@few
@given(data=st.data(), seed=seeds)
def test_it_computes_what_its_parts_compute(case: Case, data: st.DataObject, seed: int) -> None:
    composite, (x, *others) = data.draw(composites(case))
    parts = copy.deepcopy(composite)
    outputs = composite.forward(x, *others)
    dys = upstream(outputs, seed)
    hidden = x if parts.before is None else parts.before.forward(x)
    torch.testing.assert_close(outputs, parts.inner.forward(hidden, *others), **same)
    dx, expected = (as_tuple(each.backward(*dys))[0] for each in (composite, parts.inner))
    if parts.before is None:
        assert dx is expected is None
    else:
        torch.testing.assert_close(dx, parts.before.backward(expected), **same)
    torch.testing.assert_close(gradients(composite), gradients(parts), **same)
    assert not any(module._saved for module in composite.modules())


@every_case
@few
@given(data=st.data(), seed=seeds)
def test_an_error_has_the_path_and_leaves_the_state_for_another_try(
    case: Case, data: st.DataObject, seed: int
) -> None:
    composite, inputs = data.draw(composites(case))
    dy, *others = upstream(composite.forward(*inputs), seed)
    with pytest.raises(ModuleError, match=r"^Composite\[inner"):
        composite.backward(torch.stack([dy, dy]), *others)


@every_case
@few
@given(data=st.data())
def test_state_is_dropped_where_nothing_used_the_outputs(case: Case, data: st.DataObject) -> None:
    composite, inputs = data.draw(composites(case))
    composite.zero_grad()
    outputs = as_tuple(composite.forward(*inputs))
    returned = composite.backward(*[None] * len(outputs))
    assert all(dx is None for dx in as_tuple(returned))
    assert not any(module._saved for module in composite.modules())
    assert not any(gradient.any() for gradient in gradients(composite))


@every_case
@settings(few, max_examples=2)
@given(data=st.data())
def test_the_checker_passes_it(case: Case, data: st.DataObject) -> None:
    composite, inputs = data.draw(composites(case))
    if (case.ours, "no difference") in DIFFERENCES:
        assume(composite.inner.padding_idx is composite.inner.max_norm is None)
        assume(not composite.inner.scale_grad_by_freq)
    if (case.ours, "constants that move") in DIFFERENCES:
        composite.eval(saving=True)
    assume(all(y.isfinite().all() for y in as_tuple(composite.forward(*inputs))))  # not a mean of nothing
    report = check_gradients(composite, *inputs, max_elements=2, directions=1)
    assert report.ok, report


@every_case
@few
@given(data=st.data(), seed=seeds)
def test_two_uses_before_two_backwards_give_the_gradients_of_each_alone(
    case: Case, data: st.DataObject, seed: int
) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    first, second = (data.draw(case.inputs(arguments), label="inputs") for _ in range(2))
    module = case.ours(**copy.deepcopy(arguments)).to(DOUBLE)
    alone = copy.deepcopy(module)

    torch.manual_seed(seed)
    dys = upstream(module.forward(*first), seed), upstream(module.forward(*second), seed + 1)
    dx_second, dx_first = module.backward(*dys[1]), module.backward(*dys[0])

    torch.manual_seed(seed)
    alone.forward(*first)
    expected_first, sums = alone.backward(*dys[0]), gradients(alone)
    alone.zero_grad()
    alone.forward(*second)
    expected_second = alone.backward(*dys[1])
    for found, expected in ((dx_first, expected_first), (dx_second, expected_second)):
        if expected is not None:
            torch.testing.assert_close(found, expected, **same)
    for found, first_part, second_part in zip(gradients(module), sums, gradients(alone), strict=True):
        torch.testing.assert_close(found, first_part + second_part, rtol=1e-12, atol=1e-12)
