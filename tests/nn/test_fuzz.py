"""A slice of `make fuzz`."""

from __future__ import annotations

import pytest
import torch

from fuzz.compare import differences
from fuzz.configuration import Configuration
from fuzz.configurations import CLASSES, configuration
from fuzz.deliberate import DELIBERATE
from pages import ROOT
from plaingrad import nn

SERIES, CASES = 10, 40


@pytest.mark.usefixtures("without_annotations")
@pytest.mark.parametrize("series", range(SERIES))
def test_random_configurations_equal_those_of_torch(series: int) -> None:
    for case in range(series * CASES, (series + 1) * CASES):
        unexplained = [
            finding for finding in differences(configuration(case)) if finding.deliberate() is None
        ]
        assert not unexplained, f"{unexplained[0]}\n    make fuzz CASE={case}"


@pytest.mark.usefixtures("without_annotations")
def test_convolution_refuses_an_empty_batch_of_integers_along_any_axes() -> None:
    arguments = {"in_channels": 1, "out_channels": 3, "kernel_size": 3, "padding": "same"}
    empty = torch.empty(0, 1, 5, dtype=torch.int64)
    configured = Configuration("Conv1d", arguments, (empty,), torch.float32, kind="constant")
    (finding,) = differences(configured)
    assert finding.kind == "ours refuses"
    entry = finding.deliberate()
    assert entry is not None
    assert entry.key == "an input of another dtype than the parameters"


# It has options of another loss, and computes nothing.
NO_MODULES = {"LinearCrossEntropyOptions"}


def test_every_class_that_torch_has_is_drawn() -> None:
    containers = {"ModuleDict", "ModuleList", "ParameterDict", "ParameterList", "Sequential"}
    both = {name for name in nn.__all__ if hasattr(torch.nn, name) and not name.startswith("Lazy")}
    assert CLASSES.keys() == both - containers - NO_MODULES


def test_a_number_gives_one_configuration() -> None:
    assert str(configuration(7)) == str(configuration(7))
    assert len({str(configuration(case)) for case in range(50)}) > 40


def test_no_difference_is_listed_twice() -> None:
    assert len({entry.key for entry in DELIBERATE}) == len(DELIBERATE)


def test_users_are_told_of_every_difference() -> None:
    page = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert not [entry.key for entry in DELIBERATE if f"\n| {entry.row}" not in page]
