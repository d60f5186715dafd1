"""A mistake a little above each tolerance of the checker is found, and one a little below is rounding."""

from __future__ import annotations

from itertools import count

import pytest
import torch
from torch import Tensor

from plaingrad.inspect import check_gradients
from plaingrad.module import Module
from plaingrad.parameter import Parameter

from .examples import Elementwise

X = torch.tensor([0.75, -1.25, 2.0], dtype=torch.float64)


def tripled(error: float) -> Elementwise:
    """y = 3 x, whose differences are exact but for rounding, with a relative error in backward."""
    return Elementwise(lambda x: 3 * x, lambda x: torch.full_like(x, 3 * (1 + error)))


def untraceable(module: Elementwise, offset: float = 0.0) -> Elementwise:
    """The same plus a number, in a forward that autograd refuses."""
    function = module.function
    module.function = lambda x: torch.add(function(x), offset, out=torch.empty_like(x))
    return module


@pytest.mark.parametrize(("error", "ok"), [(5e-6, False), (-5e-6, False), (5e-7, True), (-5e-7, True)])
def test_against_differences(error: float, ok: bool) -> None:
    assert check_gradients(untraceable(tripled(error)), X).ok is ok


@pytest.mark.parametrize(("error", "ok"), [(5e-9, False), (-5e-9, False), (5e-10, True), (-5e-10, True)])
def test_against_autograd(error: float, ok: bool) -> None:
    assert check_gradients(tripled(error), X).ok is ok


@pytest.mark.parametrize("scale", [10.0, 1e3])
def test_tolerances_are_arguments(scale: float) -> None:
    limits = {"tolerance": 1e-6 * scale, "autograd_tolerance": 1e-9 * scale}
    assert not check_gradients(tripled(5e-9 * scale), X, **limits).ok
    assert check_gradients(tripled(5e-10 * scale), X, **limits).ok
    assert not check_gradients(untraceable(tripled(5e-6 * scale)), X, **limits).ok
    assert check_gradients(untraceable(tripled(5e-7 * scale)), X, **limits).ok


@pytest.mark.parametrize(("error", "ok"), [(0.15, False), (0.02, True)])
def test_beside_a_large_number_as_much_as_rounding_moves_the_differences(error: float, ok: bool) -> None:
    """Of y = 3 x + 10^6, rounding takes six of the ten digits that the smallest step leaves."""
    module = untraceable(tripled(error), offset=1e6)
    assert check_gradients(module, X[:1]).ok is ok


class Slipping(Module):
    """y = w x, with a relative error in one situation.

    Args:
        slip: the error.
        where: "forward" for one that grows with each call, "accumulation" for one in adding to a number,
            "stacking" for one in what is undone while another forward waits.
    """

    def __init__(self, slip: float, where: str) -> None:
        self.weight = Parameter(torch.tensor([0.5, -1.5, 2.0]))
        self.slip, self.where, self.calls = slip, where, count()

    def forward(self, x: Tensor) -> Tensor:
        y = x * self.weight.value
        if self.where == "forward":
            y = y * (1 + self.slip * next(self.calls))
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        x = self.restore(dy)
        if self.where == "accumulation":
            self.weight.grad *= 1 + self.slip
        self.weight.grad += (dy * x).sum(0)
        waits = self.where == "stacking" and bool(self._saved)
        return dy * self.weight.value * (1 + self.slip * waits)


@pytest.mark.parametrize(
    ("where", "problem"),
    [
        ("forward", "forward is not deterministic"),
        ("accumulation", "backward does not add to the gradient that is already there"),
        ("stacking", "the gradient of input differs from what it is for each alone"),
    ],
)
def test_conduct(where: str, problem: str) -> None:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    report = check_gradients(Slipping(8e-9, where), x)
    assert any(problem in text for text in report.problems), report.problems
    below = check_gradients(Slipping(1e-10, where), x)
    assert not any(problem in text for text in below.problems), below.problems
