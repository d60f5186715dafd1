"""The catalogue of faults fits the code that it is planted in."""

from __future__ import annotations

from mutants.__main__ import expect_fitting
from mutants.catalogue import FAULTS


def test_every_fault_has_its_place() -> None:
    expect_fitting(FAULTS)
