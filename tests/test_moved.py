"""Names are found where they were before, with a warning that says where they are now."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from plaingrad import inspect, nn
from plaingrad.train.callbacks import Callback


@pytest.mark.parametrize(
    ("package", "name", "home"),
    [
        ("plaingrad.data.tables", "TableEncoder", "plaingrad.tables"),
        ("plaingrad.data.tables", "Target", "plaingrad.tables"),
        ("plaingrad.data.tables", "read_frame", "plaingrad.tables"),
        ("plaingrad.estimators", "TableModel", "plaingrad.tables"),
    ],
)
def test_a_name_that_has_moved_is_found(package: str, name: str, home: str) -> None:
    old = importlib.import_module(package)
    vars(old).pop(name, None)
    with pytest.warns(DeprecationWarning, match=rf"^{package}\.{name} is {home}\.{name} now"):
        found = getattr(old, name)
    assert found is getattr(importlib.import_module(home), name)
    assert name in dir(old)


def test_the_report_of_the_gradient_checker_is_found_under_its_old_name() -> None:
    with pytest.warns(DeprecationWarning, match=r"^plaingrad\.inspect\.Report is GradientReport now"):
        assert inspect.Report is inspect.GradientReport
    with pytest.raises(AttributeError, match="has no attribute 'Finding'"):
        inspect.Finding  # noqa: B018


def test_the_native_engine_is_found_under_its_old_name() -> None:
    code = """
import warnings
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    import plaingrad.train.native.lower.rules
    from plaingrad.train.native import cache, engine
    from plaingrad.train.native.activations import CONSTANTS
    from plaingrad.train.native.lower import NotLoweredError, layers
warned, = (str(each.message) for each in caught)
assert warned == "plaingrad.train.native is plaingrad.native now; refused from 0.4 on"
import plaingrad.native.compile.cache, plaingrad.native.engine, plaingrad.native.lower.rules
assert cache is plaingrad.native.compile.cache and engine is plaingrad.native.engine
assert plaingrad.train.native.lower.rules is plaingrad.native.lower.rules
assert NotLoweredError is plaingrad.native.lower.NotLoweredError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_method_that_was_renamed_is_found() -> None:
    loss = nn.MSELoss()
    with pytest.warns(DeprecationWarning, match=r"^Loss\.apart is unreduced now"), loss.apart():
        assert loss.reduction == "none"
    assert loss.reduction == "mean"


def test_a_hook_that_was_renamed_is_found() -> None:
    with pytest.warns(DeprecationWarning, match=r"^Patient\.look_away is epochs_until_needed now"):

        class Patient(Callback):
            def look_away(self) -> float:
                return 3

    assert Patient().epochs_until_needed() == 3


def test_what_nobody_knows_is_refused() -> None:
    tables = importlib.import_module("plaingrad.data.tables")
    with pytest.raises(AttributeError, match=r"module 'plaingrad\.data\.tables' has no attribute 'fish'"):
        tables.fish  # noqa: B018
