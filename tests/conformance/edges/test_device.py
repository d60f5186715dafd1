"""Devices: each tensor is made on the input's device, and no number is fetched from it without need.

A tensor on PyTorch's device "meta" has a shape and no numbers. What mixes it with one of another device, or
asks for a number, fails: the former would fail on a GPU, too, and the latter would wait for it.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, Inputs, seeds
from conformance.edges.running import DOUBLE, Upstream, as_tuple, few, of_ours, upstream
from conformance.table import CASES
from plaingrad import Module, ModuleError, nn

REFUSES = "it refuses numbers that it cannot take, so that it must look at them"
# Why a class fetches numbers, with some arguments or inputs at least.
FETCHES: dict[type[Module], str] = {
    **{
        kind: REFUSES
        for kind in (
            *(nn.BCELoss, nn.PoissonNLLLoss, nn.GaussianNLLLoss),
            *(nn.NLLLoss, nn.NLLLoss2d, nn.CrossEntropyLoss, nn.LinearCrossEntropyLoss),
            *(nn.MultiMarginLoss, nn.MultiLabelMarginLoss),
            *(nn.MaxUnpool1d, nn.MaxUnpool2d, nn.MaxUnpool3d, nn.ColumnEmbedding),
        )
    },
    nn.EmbeddingBag: "how many indices a bag has, and how many are no padding, are sizes of tensors",
    nn.AdaptiveLogSoftmaxWithLoss: "how many targets lie in a cluster is a size of tensors",
    nn.CTCLoss: "the lengths are sizes of tensors",
}
FETCHED = r"Tensor.item\(\) cannot be called on meta|no data!|register_meta function for torch.nonzero"


@st.composite
def modules(draw: st.DrawFn, case: Case) -> tuple[Module, Inputs]:
    """A module in double precision that saves state, in either mode, and inputs."""
    arguments = draw(case.arguments)
    inputs = draw(case.inputs(arguments))
    ours = case.ours(**copy.deepcopy(arguments)).to(DOUBLE)
    return ours.train() if draw(st.booleans()) else ours.eval(saving=True), inputs


def ones(outputs: Any) -> Upstream:
    return tuple(torch.ones_like(y) if y.is_floating_point() else None for y in as_tuple(outputs))


def assert_elsewhere(module: Module, inputs: Inputs) -> None:
    """Results on the device "meta" are there, and have the shapes and dtypes of those on the CPU."""
    there = copy.deepcopy(module).to("meta")
    found = of_ours(there, tuple(x.to("meta") for x in inputs), ones)
    expected = of_ours(module, inputs, ones)
    assert {name: (y.device.type, y.shape, y.dtype) for name, y in found.items()} == {
        name: ("meta", y.shape, y.dtype) for name, y in expected.items()
    }


def assert_default_unused(module: Module, inputs: Inputs, seed: int) -> None:
    """Results on the CPU are the same while "meta" is the device of what is made without any."""
    make: Callable[[Any], Upstream] = functools.partial(upstream, seed=seed)
    first = copy.deepcopy(module)
    torch.manual_seed(seed)
    expected = of_ours(first, inputs, make)

    def make_here(outputs: Any) -> Upstream:
        with torch.device("cpu"):
            return make(outputs)

    torch.manual_seed(seed)
    with torch.device("meta"):
        found = of_ours(module, inputs, make_here)
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("case", [case for case in CASES if case.ours not in FETCHES], ids=repr)
@few
@given(data=st.data())
def test_a_row_computes_on_the_device_of_its_input_and_fetches_nothing(
    case: Case, data: st.DataObject
) -> None:
    assert_elsewhere(*data.draw(modules(case)))


@pytest.mark.parametrize("case", [case for case in CASES if case.ours in FETCHES], ids=repr)
def test_what_fetches_fails_for_no_other_reason(case: Case) -> None:
    failures: list[str] = []

    @few
    @given(data=st.data())
    def collect(data: st.DataObject) -> None:
        module, inputs = data.draw(modules(case))
        try:
            assert_elsewhere(module, inputs)
        except (ModuleError, RuntimeError, NotImplementedError) as error:
            failures.append(str(error))

    collect()
    assert failures
    assert all(re.search(FETCHED, failure) for failure in failures), failures


@pytest.mark.parametrize("case", CASES, ids=repr)
@few
@given(data=st.data(), seed=seeds)
def test_a_row_makes_nothing_on_the_default_device(case: Case, data: st.DataObject, seed: int) -> None:
    """This looks behind what fetches, too, for it has numbers."""
    assert_default_unused(*data.draw(modules(case)), seed)


class Shifted(Module):
    """A layer that makes its tensor where PyTorch makes tensors by default."""

    def forward(self, x: Tensor) -> Tensor:
        y = x + torch.ones(x.shape, dtype=x.dtype)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


class Halved(Module):
    """A layer that halves what is large, and fetches a number for it in its backward."""

    def forward(self, x: Tensor) -> Tensor:
        self.save(x, x)
        return x / 2

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        return dy / 2 if x.sum() < float("inf") else dy


def test_a_tensor_on_another_device_is_seen() -> None:
    x = torch.randn(2, 3, dtype=DOUBLE)
    with pytest.raises(ModuleError, match="meta"):
        assert_elsewhere(Shifted(), (x,))
    with pytest.raises(ModuleError, match="meta"):
        assert_default_unused(Shifted(), (x,), 0)


def test_a_fetched_number_is_seen() -> None:
    x = torch.randn(2, 3, dtype=DOUBLE)
    with pytest.raises(ModuleError, match=FETCHED):
        assert_elsewhere(Halved(), (x,))
    assert_default_unused(Halved(), (x,), 0)
