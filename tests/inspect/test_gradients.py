from __future__ import annotations

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case, seeds
from conformance.table import CASES
from plaingrad.inspect import check_gradients


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("case", CASES, ids=repr)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), seed=seeds)
def test_every_row_of_the_table_is_right(case: Case, training: bool, data: st.DataObject, seed: int) -> None:
    module, inputs = data.draw(examples(case))
    report = check_gradients(module, *inputs, training=training, seed=seed, max_elements=30)
    assert report.ok, str(report)
