"""Modules to check: those of the conformance table, and one to be made at will."""

from __future__ import annotations

import copy
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Arguments, Case, Inputs
from plaingrad.module import Module

# With these the gradient of torch.nn's class, and so of ours, is on purpose not the derivative.
NOT_THE_DERIVATIVE = {"padding_idx", "scale_grad_by_freq", "max_norm"}


@st.composite
def examples(draw: st.DrawFn, case: Case) -> tuple[Arguments, Inputs]:
    """Arguments for the row's class, and inputs for it."""
    drawn = draw(case.arguments, label="arguments")
    arguments = {name: value for name, value in drawn.items() if name not in NOT_THE_DERIVATIVE}
    return arguments, draw(case.inputs(arguments), label="inputs")


def finite(module: Module, inputs: Inputs) -> bool:
    """Whether there is anything to check: a mean over targets that are all ignored, say, is NaN."""
    outputs = copy.deepcopy(module).to(torch.float64).forward(*inputs)
    return all(bool(y.isfinite().all()) for y in (outputs if isinstance(outputs, tuple) else (outputs,)))


def build(case: Case, arguments: Arguments) -> Module:
    """The module, the same each time."""
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return case.ours(**arguments)


def modest(module: Module) -> dict[str, int]:
    """Options of the check: fewer elements and directions of each tensor where there are many tensors."""
    many = len(list(module.parameters())) > 8
    return {"max_elements": 2, "directions": 1} if many else {"max_elements": 8}


class Elementwise(Module):
    """A function of each element, with the derivative that it is told."""

    def __init__(self, function: Any, derivative: Any) -> None:
        self.function = function
        self.derivative = derivative

    def forward(self, x: Tensor) -> Tensor:
        y = self.function(x)
        self.save(x, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.derivative(self.restore(dy))
