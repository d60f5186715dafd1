"""Modules and inputs drawn from the conformance table."""

from __future__ import annotations

from hypothesis import strategies as st

from conformance.case import Case, Inputs
from plaingrad.module import Module

# With these the gradient of torch.nn's class, and so of ours, is on purpose not the derivative.
NOT_THE_DERIVATIVE = {"padding_idx", "scale_grad_by_freq", "max_norm"}


@st.composite
def examples(draw: st.DrawFn, case: Case) -> tuple[Module, Inputs]:
    """A module of the row's class, and inputs for it."""
    drawn = draw(case.arguments, label="arguments")
    arguments = {name: value for name, value in drawn.items() if name not in NOT_THE_DERIVATIVE}
    return case.ours(**arguments), draw(case.inputs(arguments), label="inputs")
