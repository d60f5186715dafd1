"""Modules of the conformance table's rows, so that a new layer joins these tests as one row there."""

from __future__ import annotations

from typing import Any

import torch
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, Inputs
from conformance.test_conformance import as_tuple, every_case, make
from effort import draws
from plaingrad import nn
from plaingrad.module import Module

__all__ = ["assert_same", "every_case", "examples", "outputs", "row"]

examples = settings(
    max_examples=draws(8),
    deadline=None,
    suppress_health_check=[
        HealthCheck.filter_too_much,
        HealthCheck.too_slow,
        HealthCheck.function_scoped_fixture,
    ],
)


def row(case: Case, data: st.DataObject) -> tuple[Module, Inputs]:
    """A module in float64 with random state, and inputs for it."""
    module, _, inputs = make(case, data)
    for each in module.modules():  # the rows of containers are subclasses that bring their content
        each.__class__ = next(base for base in type(each).__mro__ if base.__module__.startswith("plaingrad."))
    if isinstance(module, (nn.LSTM, nn.LSTMCell)):  # whose states the row has one by one
        inputs = inputs[:1]
    return module, inputs


def outputs(module: Any, inputs: Inputs) -> tuple[Tensor, ...]:
    """What a module gives, with the same random numbers each time."""
    torch.manual_seed(0)
    with torch.no_grad():
        return as_tuple(module(*[x.clone() for x in inputs]))


def assert_same(actual: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    """State of the same names in the same order, dtypes, shapes and numbers."""
    assert list(actual) == list(expected)
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=0, atol=0, equal_nan=True, msg=name)
