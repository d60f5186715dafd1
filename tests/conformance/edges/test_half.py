"""Half precision: the sums inside are taken in single precision, and each result is rounded once."""

from __future__ import annotations

import copy
import functools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.running import (
    DOUBLE,
    SINGLE,
    converted,
    few,
    of_ours,
    pairs,
    special_inputs,
    upstream,
)
from conformance.table import CASES
from plaingrad import Module
from plaingrad.contract.nest import mapped

HALVES = [torch.float16, torch.bfloat16]


def rounding(root: Module, dtype: torch.dtype) -> Any:
    """A watcher that rounds to half precision what the modules inside hand on to each other."""

    def watcher(module: Module, name: str, run: Any, *arguments: Any, **options: Any) -> Any:
        handed = run(*arguments, **options)
        if module is root:
            return handed
        return mapped(lambda x: x.to(dtype).to(x.dtype) if x.is_floating_point() else x, handed)

    return watcher


def assert_rounded(found: Tensor, exact: Tensor, single: Tensor) -> None:
    """Two units in the last place, beside four times what single precision and the seams between modules cost."""
    eps, top = torch.finfo(found.dtype).eps, torch.finfo(found.dtype).max
    smallest = torch.finfo(found.dtype).smallest_normal * eps
    found, exact, single = (x.double().clamp(-top, top) for x in (found, exact, single))
    lost = (single - exact).abs().nan_to_num().amax() if exact.numel() else 0.0
    right = (found - exact).abs() <= 2 * eps * exact.abs() + 4 * lost + smallest
    right |= found.isnan() & exact.isnan()
    assert right.all(), f"{found[~right]} instead of {exact[~right]}"


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@few
@given(data=st.data(), seed=seeds, scale=st.sampled_from([1e-3, 1.0, 300.0]))
def test_half_precision_is_that_of_double_precision_rounded(
    case: Case, dtype: torch.dtype, training: bool, data: st.DataObject, seed: int, scale: float
) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = converted(data.draw(special_inputs(case, arguments), label="inputs"), dtype)
    ours, _ = data.draw(pairs(case, arguments, dtype, training))

    def make(outputs: Any) -> Any:
        dys = upstream(mapped(torch.Tensor.double, outputs), seed)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        return tuple(
            (scale * dy).to(dtype).to(y.dtype) if y.is_floating_point() else None for y, dy in zip(outputs, dys)
        )

    single, double = copy.deepcopy(ours).to(SINGLE), copy.deepcopy(ours).to(DOUBLE)
    exact = of_ours(double, converted(inputs, DOUBLE), make)
    with single.watched(rounding(single, dtype)):
        rounded = of_ours(single, converted(inputs, SINGLE), make)
    for name, found in of_ours(ours, inputs, make).items():
        if found.is_floating_point():
            assert found.dtype is dtype, name
            assert_rounded(found, exact[name], rounded[name])
        else:
            assert torch.equal(found, exact[name]), name
