"""Half precision: the sums inside are taken in single precision, and each result is rounded once."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.differences import DIFFERENCES
from conformance.edges.running import (
    DOUBLE,
    SINGLE,
    as_tuple,
    converted,
    few,
    of_ours,
    pairs,
    special_inputs,
    upstream,
)
from conformance.table import CASES as ALL_CASES
from plaingrad import nn
from plaingrad.contract.nest import mapped

HALVES = [torch.float16, torch.bfloat16]
# The norms of a stack of layers enlarge what the layers before them round, by no factor that would be known.
STACKS = (
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.Transformer,
)
CASES = [case for case in ALL_CASES if not issubclass(case.ours, STACKS)]


def size_of(results: dict[str, Tensor]) -> float:
    """The largest finite number in them."""
    sizes = [x.double().nan_to_num(0, 0, 0).abs().amax().item() for x in results.values() if x.numel()]
    return max(sizes, default=0.0)


def assert_rounded(found: Tensor, exact: Tensor, allowed: Tensor | float) -> None:
    """Two units in the last place, or of the smallest numbers, beside what is allowed."""
    info = torch.finfo(found.dtype)
    eps, top, smallest = info.eps, info.max, info.smallest_normal * info.eps
    found, exact = (x.double().clamp(-top, top) for x in (found, exact))  # what lies beyond is infinite
    right = (found - exact).abs() <= 2 * eps * exact.abs() + allowed + 2 * smallest
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
    inputs = converted(data.draw(special_inputs(case, arguments, finite=True), label="inputs"), dtype)
    ours, _ = data.draw(pairs(case, arguments, dtype, training))

    def make(outputs: Any) -> Any:
        dys = upstream(mapped(lambda y: y.double() if y.is_floating_point() else y, outputs), seed)
        return tuple(
            (scale * dy).to(dtype).to(y.dtype) if y.is_floating_point() else None
            for y, dy in zip(as_tuple(outputs), dys)
        )

    def run(kind: torch.dtype) -> dict[str, Tensor]:
        return of_ours(copy.deepcopy(ours).to(kind), converted(inputs, kind), make)

    exact, single = run(DOUBLE), run(SINGLE)
    # What modules hand on to each other is rounded, and may cancel.
    is_composite = any(True for _ in ours.named_children()) or (case.ours, "half sums") in DIFFERENCES
    seams = 4 * torch.finfo(dtype).eps * size_of(exact) if is_composite else 0.0
    for name, found in run(dtype).items():
        if found.is_floating_point():
            assert found.dtype is dtype, name
            lost = (single[name] - exact[name]).abs().nan_to_num(0, 0, 0)
            assert_rounded(found, exact[name], seams + 4 * (lost.amax() if lost.numel() else 0.0))
        else:
            assert torch.equal(found, exact[name]), name
