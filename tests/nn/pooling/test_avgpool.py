"""Average pooling of integers, as far as PyTorch has it: of 64 bits, by windows that slide."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from plaingrad import nn


def whole(shape: tuple[int, ...]) -> st.SearchStrategy[Tensor]:
    """Integers up to where their sums no longer fit."""
    size = torch.Size(shape).numel()
    numbers = st.integers(-(2**59), 2**59) | st.integers(-5, 5)
    return st.lists(numbers, min_size=size, max_size=size).map(lambda rows: torch.tensor(rows).view(shape))


@given(x=whole((1, 3, 4, 3)), options=st.fixed_dictionaries({"count_include_pad": st.booleans()}))
@pytest.mark.parametrize("axes", [2, 3])
def test_integers_are_summed_up_exactly_and_rounded_once(axes: int, x: Tensor, options: Any) -> None:
    arguments = {"kernel_size": (1, 2, 3)[-axes:], "stride": 2, "padding": (0, 1, 1)[-axes:], **options}
    ours, theirs = (getattr(library, f"AvgPool{axes}d")(**arguments) for library in (nn, torch.nn))
    assert torch.equal(ours(x), theirs(x))
