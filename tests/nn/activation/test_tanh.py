"""The older names of Hardtanh's bounds."""

from __future__ import annotations

import pytest
import torch

from plaingrad import nn


def test_hardtanh_takes_the_older_names_of_its_bounds() -> None:
    x = torch.linspace(-3, 3, 13)
    with pytest.warns(FutureWarning):
        theirs = torch.nn.Hardtanh(min_value=-2.0, max_value=0.5)
    assert torch.equal(nn.Hardtanh(min_value=-2.0, max_value=0.5).forward(x), theirs(x))
