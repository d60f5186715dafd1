"""Empty batches and axes of size 0: computed as torch computes them, or refused where it refuses them."""

from __future__ import annotations

import contextlib
import functools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, Inputs
from conformance.edges.differences import DIFFERENCES
from conformance.edges.running import DOUBLE, few, of_ours, of_torch, pairs, upstream
from conformance.table import CASES
from plaingrad import Module, ModuleError, nn
from plaingrad.nn.normalization.instance import InstanceNorm

pytestmark = [
    pytest.mark.filterwarnings("ignore:Initializing zero-element tensors"),
    pytest.mark.filterwarnings("ignore:input's size at dim"),
    pytest.mark.usefixtures("without_annotations"),
]


def assert_as_torch(case: Case, ours: Module, theirs: torch.nn.Module, inputs: Inputs) -> None:
    make = functools.partial(upstream, seed=0)
    try:
        expected = of_torch(case, theirs, inputs, make)
    except (RuntimeError, IndexError, ValueError, AssertionError):
        if (type(ours), "computed") in DIFFERENCES and inputs[0].ndim > 2:
            return
        if (type(ours), "computed without elements") in DIFFERENCES and not inputs[0].numel():
            with contextlib.suppress(ModuleError):
                of_ours(ours, inputs, make)
            return
        with pytest.raises(ModuleError):
            ours.forward(*inputs)
        return
    if (type(ours), "refused") in DIFFERENCES and has_other_channels(ours, inputs[0]):
        with pytest.raises(ModuleError):
            ours.forward(*inputs)
        return
    if (type(ours), "mean of nothing") in DIFFERENCES and ours.is_mean and not inputs[0].numel():
        assert ours.forward(*inputs).isnan()
        return
    found = of_ours(ours, inputs, make)
    if (type(ours), "statistics kept") in DIFFERENCES and not inputs[0].numel():
        for name in expected.keys() & {"running_mean", "running_var"}:
            assert found.pop(name).isfinite().all()
            del expected[name]
    if (type(ours), "nothing changes") in DIFFERENCES and not inputs[0].numel():
        for name in [name for name in expected if name.startswith("gradient of parameter")]:
            assert not found[name].any()
            expected[name] = found[name]
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


def has_other_channels(ours: Any, x: Tensor) -> bool:
    channels = x.shape[1 - max(ours.ranks) if isinstance(ours, InstanceNorm) else 1]
    return channels != (ours.num_channels if isinstance(ours, nn.GroupNorm) else ours.num_features)


def emptied(inputs: Inputs, axis: int) -> Inputs:
    """The inputs with nothing along an axis; class indices have none for the classes."""
    first, *others = inputs
    classes = min(1, first.ndim - 1)

    def matching(x: Tensor) -> Tensor:
        if x.ndim == first.ndim:
            return x.narrow(axis, 0, 0)
        own = axis - (axis > classes)
        return x if axis == classes or own >= x.ndim else x.narrow(own, 0, 0)

    return first.narrow(axis, 0, 0), *map(matching, others)


@pytest.mark.parametrize("case", CASES, ids=repr)
@few
@given(data=st.data())
def test_an_axis_of_size_0(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = data.draw(case.inputs(arguments).filter(lambda inputs: inputs[0].ndim > 0), label="inputs")
    axis = data.draw(st.just(0) | st.integers(0, inputs[0].ndim - 1), label="axis")
    ours, theirs = data.draw(pairs(case, arguments, DOUBLE))
    assert_as_torch(case, ours, theirs, emptied(inputs, axis))


EMPTY = [
    *[("Linear", (0, 4), size) for size in [(2, 0), (2, 5, 0), (0,)]],
    ("Linear", (3, 0), (2, 3)),
    *[("Linear", (3, 2), size) for size in [(0, 3), (2, 0, 3)]],
    *[("LayerNorm", (0,), size) for size in [(3, 0), (0,)]],
    *[("LayerNorm", (s,), size) for s, size in [((2, 0), (3, 2, 0)), ((0, 2), (0, 2)), (3, (0, 3))]],
    *[("BatchNorm1d", (3,), size) for size in [(0, 3), (0, 3, 2), (2, 3, 0), (1, 3, 0)]],
    *[("BatchNorm1d", (3, 1e-5, None, affine, tracks), (0, 3)) for affine in (0, 1) for tracks in (0, 1)],
    ("BatchNorm1d", (0, 1e-5, 0.1, False), (2, 0)),
    *[("BatchNorm2d", (3,), size) for size in [(0, 3, 2, 2), (2, 3, 0, 2), (1, 3, 2, 0)]],
    *[("BatchNorm3d", (3,), size) for size in [(0, 3, 1, 2, 2), (2, 3, 1, 0, 2)]],
    *[("GroupNorm", (2, 4), size) for size in [(0, 4), (2, 4, 0), (0, 4, 3, 2)]],
    *[("GroupNorm", (4, 4), size) for size in [(1, 4), (1, 4, 1)]],
    *[("RMSNorm", (s,), size) for s, size in [((2, 0), (3, 2, 0)), ((0, 2), (0, 2)), (3, (0, 3))]],
    *[("LocalResponseNorm", (3,), size) for size in [(0, 3, 2), (2, 0, 2), (2, 3, 0, 2)]],
    *[("CrossMapLRN2d", (3,), size) for size in [(0, 3, 2, 2), (2, 3, 0, 2), (2, 0, 2, 2)]],
    *[("InstanceNorm1d", (3,), size) for size in [(0, 3, 2), (2, 3, 0), (3, 0), (0, 2), (2, 3, 1)]],
    *[
        ("InstanceNorm2d", (3, 1e-5, momentum, affine, True), size)
        for momentum, affine in [(None, True), (0.1, False)]
        for size in [(0, 3, 2, 2), (2, 3, 0, 2), (3, 1, 1), (3, 2, 0)]
    ],
    *[("SyncBatchNorm", (3,), size) for size in [(0, 3), (2, 3, 0), (0, 3, 2, 2)]],
    *[("Conv2d", (3, 2, 3), size) for size in [(0, 3, 5, 5), (0, 3, 2, 5), (2, 3, 0, 5), (3, 0, 5)]],
    *[("Conv2d", (3, 2, 3, 1, 2), size) for size in [(0, 3, 0, 5), (2, 3, 0, 5), (3, 5, 0)]],
    *[
        ("Conv2d", (3, 2, 3, 1, 1, 1, 1, True, mode), size)
        for mode in ("reflect", "replicate", "circular")
        for size in [(0, 3, 5, 5), (2, 3, 0, 5), (0, 3, 0, 5)]
    ],
    *[("MaxPool2d", (2,), size) for size in [(0, 3, 4, 4), (2, 0, 4, 4), (0, 4, 4), (0, 3, 0, 4)]],
    ("MaxPool2d", (2, 1, 1), (2, 3, 0, 4)),
    *[("Embedding", sizes, size) for sizes in [(4, 3), (4, 0), (0, 3)] for size in [(0,), (2, 0), (2,)]],
    *[("Embedding", (4, size, 0, 1.0), (3,)) for size in (0, 2)],
    *[("Flatten", (start,), size) for start in (0, 1) for size in [(0,), (0, 3), (2, 0, 3)]],
]


@pytest.mark.parametrize(("name", "arguments", "size"), EMPTY)
def test_sizes_of_0_among_the_arguments(name: str, arguments: Any, size: tuple[int, ...]) -> None:
    ours, theirs = getattr(nn, name)(*arguments), getattr(torch.nn, name)(*arguments)
    ours.load_state_dict(theirs.state_dict())
    x = torch.zeros(size, dtype=torch.int64) if name == "Embedding" else torch.randn(size)
    case = next(each for each in CASES if each.ours is type(ours))
    assert_as_torch(case, ours, theirs, (x,))
