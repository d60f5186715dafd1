"""Complex numbers are refused by what takes each number for itself."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from conformance import activations, regularization
from conformance.case import Case
from effort import draws
from plaingrad import ModuleError

every_case = pytest.mark.parametrize("case", [*activations.CASES, *regularization.CASES], ids=repr)


@every_case
@settings(max_examples=draws(5), deadline=None)
@given(data=st.data())
def test_complex_numbers_are_refused(case: Case, data: st.DataObject) -> None:
    arguments = data.draw(case.arguments, label="arguments")
    inputs = data.draw(case.inputs(arguments), label="inputs")
    with pytest.raises(ModuleError, match="complex"):
        case.ours(**arguments).forward(*[x.to(torch.complex64) for x in inputs])
