"""Half precision: the sums inside are taken in single precision, and each result is rounded once."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.edges.differences import DIFFERENCES
from conformance.edges.running import (
    DOUBLE,
    SINGLE,
    Upstream,
    as_tuple,
    converted,
    few,
    of_ours,
    of_torch,
    pairs,
    special_inputs,
    upstream,
)
from conformance.table import CASES as ALL_CASES
from effort import draws
from plaingrad import nn
from plaingrad.contract.nest import mapped, tensors

HALVES = [torch.float16, torch.bfloat16]
# The norms of a stack of layers enlarge what the layers before them round, by no factor that would be known,
# in torch.nn as here. So these are held against torch.nn's errors.
STACKS = (
    nn.TransformerEncoderLayer,
    nn.TransformerDecoderLayer,
    nn.TransformerEncoder,
    nn.TransformerDecoder,
    nn.Transformer,
)
CASES = [case for case in ALL_CASES if not issubclass(case.ours, STACKS)]
STACKED = [case for case in ALL_CASES if issubclass(case.ours, STACKS)]
SHARES = [0.5, 0.75, 0.9, 0.95, 0.99]


def size_of(numbers: Iterable[Tensor]) -> float:
    """The largest finite number in them."""
    sizes = [x.double().nan_to_num(0, 0, 0).abs().amax().item() for x in numbers if x.numel()]
    return max(sizes, default=0.0)


def assert_rounded(found: Tensor, exact: Tensor, allowed: Tensor | float) -> None:
    """Two units in the last place, or of the smallest numbers, beside what is allowed."""
    info = torch.finfo(found.dtype)
    eps, top, smallest = info.eps, info.max, info.smallest_normal * info.eps
    right = (exact.abs() > torch.finfo(SINGLE).max) & ~found.isfinite()  # such infinities may cancel
    found, exact = (x.double().clamp(-top, top) for x in (found, exact))  # what lies beyond is infinite
    right |= (found - exact).abs() <= 2 * eps * exact.abs() + allowed + 2 * smallest
    right |= found.isnan() & exact.isnan()
    assert right.all(), f"{found[~right]} instead of {exact[~right]}"


def windows(module: Any, x: Tensor) -> list[Any]:
    """Where the windows of a fractional pooling begin, by numbers of the input's precision."""
    return [reach.starts.tolist() for reach in copy.deepcopy(module).to(x.dtype).reaches(x)]


def largest_handed_on(module: Any, inputs: Any, make: Any) -> float:
    """The largest number that a module hands on to another, or adds to the gradient of a parameter."""
    largest = 0.0

    def watch(module: Any, _name: str, run: Any, *arguments: Any, **options: Any) -> Any:
        nonlocal largest
        before = [p.grad.clone() for p in module.parameters()]
        handed_on = run(*arguments, **options)
        added = [p.grad - grad for p, grad in zip(module.parameters(), before)]
        largest = max(largest, size_of([*tensors(handed_on), *added]))
        return handed_on

    with module.watched(watch):
        of_ours(module, inputs, make)
    return largest


def scaled_upstream(dtype: torch.dtype, seed: int, scale: float) -> Callable[[Any], Upstream]:
    """Makes gradients of outputs in any precision: the same numbers, which a half precision has."""

    def make(outputs: Any) -> Upstream:
        dys = upstream(mapped(lambda y: y.detach().double() if y.is_floating_point() else y, outputs), seed)
        return tuple(
            None if dy is None else (scale * dy).to(dtype).to(y.dtype)
            for y, dy in zip(as_tuple(outputs), dys)
        )

    return make


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
    # Their windows are rounded as torch's are.
    if isinstance(ours, (nn.FractionalMaxPool2d, nn.FractionalMaxPool3d)):
        assume(windows(ours, *converted(inputs, dtype)) == windows(ours, *converted(inputs, DOUBLE)))

    make = scaled_upstream(dtype, seed, scale)

    def run(kind: torch.dtype) -> dict[str, Tensor]:
        return of_ours(copy.deepcopy(ours).to(kind), converted(inputs, kind), make)

    exact, single = run(DOUBLE), run(SINGLE)
    top = torch.finfo(dtype).max
    is_composite = any(True for _ in ours.named_children()) or (case.ours, "half sums") in DIFFERENCES
    seams = 0.0
    if is_composite:  # what modules hand on to each other is rounded, may cancel, and may be infinite
        largest = largest_handed_on(copy.deepcopy(ours).to(DOUBLE), converted(inputs, DOUBLE), make)
        seams = 4 * torch.finfo(dtype).eps * largest
        assume(4 * largest < top)
    # A gradient that is computed from the output, as that of Exp, is none where the output is infinite.
    is_infinite = any((x.abs() > top).any() for name, x in exact.items() if name.startswith("output"))
    for name, found in run(dtype).items():
        if found.is_floating_point():
            assert found.dtype is dtype, name
            if is_infinite and name.startswith("gradient"):
                continue
            lost = (single[name] - exact[name]).abs().nan_to_num(0, 0, 0)
            assert_rounded(found, exact[name], seams + 4 * (lost.amax() if lost.numel() else 0.0))
        else:
            assert torch.equal(found, exact[name]), name


def relative_error(found: Tensor, exact: Tensor, dtype: torch.dtype) -> float:
    """The largest error of a tensor in units in the last place of its largest number."""
    return ((found.double() - exact).abs().amax() / exact.abs().amax()).item() / torch.finfo(dtype).eps


@pytest.mark.parametrize("case", STACKED, ids=repr)
@pytest.mark.parametrize("dtype", HALVES, ids=str)
def test_stacks_lose_no_more_to_half_precision_than_those_of_torch(case: Case, dtype: torch.dtype) -> None:
    """Where an error is large is chance, so that the errors of all tensors are compared by their quantiles.

    Both round what their layers hand on, so that their errors have about the same distribution; ours round
    less inside. The unit beside it is the last rounding, in which whole errors lie.
    """
    errors: list[tuple[float, float]] = []

    @settings(few, max_examples=draws(12))
    @given(data=st.data(), seed=seeds, scale=st.sampled_from([1e-3, 1.0, 300.0]))
    def collect(data: st.DataObject, seed: int, scale: float) -> None:
        arguments = data.draw(case.arguments)
        inputs = converted(data.draw(special_inputs(case, arguments, finite=True)), dtype)
        ours, theirs = data.draw(pairs(case, arguments, dtype))
        make = scaled_upstream(dtype, seed, scale)
        exact = of_ours(copy.deepcopy(ours).to(DOUBLE), converted(inputs, DOUBLE), make)
        found, same = of_ours(ours, inputs, make), of_torch(case, theirs, inputs, make)
        for name, expected in exact.items():
            assert found[name].dtype is dtype, name
            if expected.abs().amax() > 0 and same[name].isfinite().all():
                assert found[name].isfinite().all(), name
                ours_off, theirs_off = (relative_error(x[name], expected, dtype) for x in (found, same))
                errors.append((ours_off, theirs_off))

    collect()
    shares = torch.tensor(SHARES, dtype=DOUBLE)
    ours_lose, theirs_lose = torch.tensor(errors, dtype=DOUBLE).quantile(shares, dim=0).T
    assert (ours_lose <= 1.5 * theirs_lose + 1).all(), f"{ours_lose} instead of {theirs_lose}"
