"""Infinities and NaN in inputs and upstream gradients: where torch gives a number, it is ours."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance import activations
from conformance.case import Case, Inputs, seeds
from conformance.edges.differences import DIFFERENCES
from conformance.edges.running import (
    DOUBLE,
    SINGLE,
    converted,
    few,
    of_ours,
    of_torch,
    pairs,
    special_inputs,
    upstream,
)
from conformance.table import CASES

POINTS = [math.inf, -math.inf, math.nan, 0.0, -0.0, 1.0, -1.7]
TOLERANCES = {
    DOUBLE: {"rtol": 1e-9, "atol": 1e-11},
    SINGLE: {"rtol": 1.3e-6, "atol": 1e-5},  # torch.testing's own
}
Results = dict[str, Tensor]


def strided(x: Tensor) -> Tensor:
    """The same numbers two elements apart."""
    return torch.stack([x, x], -1)[..., 0]


def in_lanes(x: Tensor) -> Tensor:
    """Each number alone in vectors that it fills."""
    return x.unsqueeze(-1).expand(*x.shape, 64).contiguous()


def alternatives(
    case: Case, theirs: torch.nn.Module, inputs: Inputs, make: Callable[..., Any]
) -> list[Results]:
    """All that torch gives: for NaN some functions differ between whole vectors and single elements."""
    results = [of_torch(case, theirs, inputs, make)]
    if case.inputs is activations.any_shape:
        apart, spread = tuple(map(strided, inputs)), tuple(map(in_lanes, inputs))
        results.append(of_torch(case, theirs, apart, lambda y: tuple(map(strided, make(y)))))
        filled = of_torch(case, theirs, spread, lambda y: tuple(map(in_lanes, make(y[..., 0]))))
        results.append({name: y[..., 0] for name, y in filled.items()})
    return results


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("dtype", TOLERANCES, ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@few
@given(data=st.data(), seed=seeds, share=st.sampled_from([0.0, 0.1, 1.0]))
def test_any_upstream_gradient_at_any_input(
    case: Case, dtype: torch.dtype, training: bool, data: st.DataObject, seed: int, share: float
) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = converted(data.draw(special_inputs(case, arguments), label="inputs"), dtype)
    ours, theirs = data.draw(pairs(case, arguments, dtype, training))
    make = functools.partial(upstream, seed=seed, points=POINTS, share=share)
    results = alternatives(case, theirs, inputs, make)
    tolerance = dict(TOLERANCES[dtype])
    if case.inputs is not activations.any_shape:  # sums of large numbers may cancel
        tolerance["atol"] *= max(
            [10.0, *(x.double().nan_to_num(0, 0, 0).abs().max().item() for x in inputs if x.numel())]
        )
    if (case.ours, "cancelling parts") in DIFFERENCES:
        tolerance["atol"] *= arguments.get("eps", 1e-5) ** -0.5
    if (case.ours, "float32 constant") in DIFFERENCES:
        tolerance["rtol"] = max(tolerance["rtol"], 1e-7)
    for name, found in of_ours(ours, inputs, make).items():
        right = torch.zeros(found.shape, dtype=torch.bool)
        for expected in (each[name] for each in results):
            assert (found.shape, found.dtype) == (expected.shape, expected.dtype)
            right |= torch.isclose(found, expected, **tolerance, equal_nan=True)
            if (case.ours, "number for NaN") in DIFFERENCES:
                right |= expected.isnan()
            if (case.ours, "number for infinity") in DIFFERENCES:
                right |= ~expected.isfinite()
            if (case.ours, "infinite terms") in DIFFERENCES:
                right |= ~expected.isfinite() & ~found.isfinite()
        got = [each[name][~right] for each in results]
        assert right.all(), f"{name}: {found[~right]} instead of {got}"
