"""Every public class is explained by the numbers that ran, or answers with a sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conformance.case import Case, seeds
from conformance.table import CASES
from plaingrad import Module, nn
from plaingrad.inspect import Explanation
from plaingrad.inspect.explain.registry import EXPLAINERS

from .examples import EXAMPLES
from .operations import OPERATIONS
from .stepping import explained, stepped
from .test_numbers import LAYERS, expect_readable

PUBLIC = [case for case in CASES if case.ours.__module__.startswith("plaingrad")]

NEVER_CALLED = {nn.Loss, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict}


def lazy(module: Module, *sizes: int) -> tuple[Any, ...]:
    return module, torch.randn(*sizes)


WITHOUT_ROW: dict[type[Module], Callable[[], tuple[Any, ...]]] = {
    nn.Compare: lambda: (nn.Compare("<"), torch.randn(2, 3), torch.randn(2, 3)),
    nn.Size: lambda: (nn.Size(1), torch.randn(2, 3)),
    nn.Arange: lambda: (nn.Arange(), torch.randn(2, 3), 4),
    nn.TransformerEncoder: lambda: (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 3, batch_first=True), 2),
        torch.randn(2, 3, 4),
    ),
    nn.TransformerDecoder: lambda: (
        nn.TransformerDecoder(nn.TransformerDecoderLayer(4, 2, 3, batch_first=True), 1),
        torch.randn(2, 3, 4),
        torch.randn(2, 2, 4),
    ),
    nn.Graph: lambda: (
        nn.Graph("x", {"a": (nn.Linear(3, 2), "x"), "y": (nn.Add(), "a", 1.0)}, "y"),
        torch.randn(2, 3),
    ),
    nn.Sequential: lambda: (nn.Sequential(nn.Linear(3, 2), nn.Tanh()), torch.randn(2, 3)),
    nn.Parallel: lambda: (nn.Parallel(nn.Linear(3, 2), nn.Linear(3, 2)), torch.randn(2, 3)),
    nn.Residual: lambda: (nn.Residual(nn.Linear(3, 3)), torch.randn(2, 3)),
    nn.WeightNorm: lambda: (nn.WeightNorm(nn.Linear(3, 2)), torch.randn(2, 3)),
    nn.SpectralNorm: lambda: (nn.SpectralNorm(nn.Linear(3, 2)), torch.randn(2, 3)),
    nn.FunctionalCall: lambda: (
        nn.FunctionalCall(nn.Linear(3, 2)),
        *(torch.randn(2, 3), torch.randn(2, 3), torch.randn(2)),
    ),
    nn.LSTM: lambda: (nn.LSTM(3, 2, batch_first=True), torch.randn(2, 3, 3)),
    nn.LSTMCell: lambda: (nn.LSTMCell(3, 2), torch.randn(2, 3)),
    nn.LazyLinear: lambda: lazy(nn.LazyLinear(2), 2, 3),
    nn.LazyConv1d: lambda: lazy(nn.LazyConv1d(2, 2), 2, 1, 3),
    nn.LazyConv2d: lambda: lazy(nn.LazyConv2d(2, 2), 2, 1, 3, 3),
    nn.LazyConv3d: lambda: lazy(nn.LazyConv3d(2, 2), 2, 1, 2, 2, 2),
    nn.LazyConvTranspose1d: lambda: lazy(nn.LazyConvTranspose1d(2, 2), 2, 1, 3),
    nn.LazyConvTranspose2d: lambda: lazy(nn.LazyConvTranspose2d(2, 2), 2, 1, 2, 2),
    nn.LazyConvTranspose3d: lambda: lazy(nn.LazyConvTranspose3d(2, 2), 2, 1, 2, 1, 2),
    nn.LazyBatchNorm1d: lambda: lazy(nn.LazyBatchNorm1d(), 3, 2),
    nn.LazyBatchNorm2d: lambda: lazy(nn.LazyBatchNorm2d(), 2, 2, 2, 2),
    nn.LazyBatchNorm3d: lambda: lazy(nn.LazyBatchNorm3d(), 2, 2, 2, 1, 2),
    nn.LazyInstanceNorm1d: lambda: lazy(nn.LazyInstanceNorm1d(), 2, 2, 3),
    nn.LazyInstanceNorm2d: lambda: lazy(nn.LazyInstanceNorm2d(), 2, 2, 2, 2),
    nn.LazyInstanceNorm3d: lambda: lazy(nn.LazyInstanceNorm3d(), 2, 2, 2, 1, 2),
}
"""Classes without a row in the conformance table."""


@pytest.fixture(autouse=True)
def double() -> Iterator[None]:
    """Compute in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def expect_numbers(explanation: Explanation) -> int:
    """Every result is what ran, every section says something; the number of results that were compared."""
    compared = 0
    for section in explanation.sections:
        assert section.lines or section.note.endswith(".")
        for line in section.lines:
            if line.ran is not None:
                compared += 1
                assert line.formula.value == pytest.approx(line.ran, rel=1e-8, abs=1e-8, nan_ok=True), (
                    line.latex()
                )
    return compared


@pytest.mark.parametrize("kind", OPERATIONS, ids=lambda kind: kind.__name__)
def test_every_number_of_an_operation_is_what_ran(kind: type[Module]) -> None:
    for setting in OPERATIONS[kind]:
        torch.manual_seed(0)
        module, *inputs = setting()
        assert type(module) is kind
        sections = set()
        compared = 0
        for explanation in explained(stepped(module, *inputs), most=6):
            compared += expect_numbers(explanation)
            sections |= {section.title.split(":")[0] for section in explanation.sections}
            expect_readable(explanation)
        assert compared
        assert sections == ({"forward"} if kind is nn.Compare else {"forward", "backward"})


def test_every_explained_class_has_an_example() -> None:
    assert EXPLAINERS.keys() == EXAMPLES.keys() | OPERATIONS.keys()


def test_every_public_class_is_tried() -> None:
    rows = {case.ours for case in PUBLIC}
    assert set(LAYERS) - {Module} == rows | WITHOUT_ROW.keys() | NEVER_CALLED


@pytest.mark.parametrize("case", PUBLIC, ids=repr)
@settings(max_examples=2, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(data=st.data(), seed=seeds)
def test_whatever_a_class_takes_is_explained_or_has_a_sentence(
    case: Case, data: st.DataObject, seed: int
) -> None:
    arguments = data.draw(case.arguments)
    inputs = case.within(arguments, data.draw(case.inputs(arguments)))
    torch.manual_seed(seed)
    trace = stepped(case.ours(**arguments).to(torch.float64), *inputs)
    for explanation in explained(trace, most=1):
        expect_numbers(explanation)


@pytest.mark.parametrize("kind", WITHOUT_ROW, ids=lambda kind: kind.__name__)
def test_a_class_without_a_row_is_explained_or_has_a_sentence(kind: type[Module]) -> None:
    module, *inputs = WITHOUT_ROW[kind]()
    assert type(module) is kind
    if kind.__name__.startswith("Lazy"):
        module.forward(*inputs)
        module.zero_grad()
    for explanation in explained(stepped(module, *inputs), most=3):
        expect_numbers(explanation)
