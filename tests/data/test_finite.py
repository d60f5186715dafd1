"""Numbers that are tested some at a time."""

from __future__ import annotations

import pytest
import torch

from plaingrad.data import Dataset, finite
from plaingrad.data.finite import all_finite, parts
from plaingrad.errors import InputError


@pytest.mark.parametrize("shape", [(), (3,), (10,), (7, 5), (2, 3, 4), (4, 0)])
def test_parts_are_all_entries_in_order(monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...]) -> None:
    monkeypatch.setattr(finite, "NUMBERS_AT_ONCE", 6)
    values = torch.arange(torch.Size(shape).numel()).reshape(shape)
    each = list(parts(values))
    assert torch.cat([part.flatten() for part in each]).equal(values.flatten())
    assert all(part.numel() <= 12 for part in each)


def test_sums_that_overflow_are_no_infinite_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "NUMBERS_AT_ONCE", 6)
    values = torch.full((50, 2), 3e38)
    assert all_finite(values)
    values[41, 1] = float("inf")
    assert not all_finite(values)


def test_the_first_of_all_is_named_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finite, "NUMBERS_AT_ONCE", 6)
    values = torch.zeros(50, 2)
    values[41, 1] = values[17, 0] = values[49, 0] = float("nan")
    with pytest.raises(InputError, match=r"expected finite inputs, got nan at \[17, 0\] \(3 in all\)"):
        Dataset(values, torch.zeros(50))
