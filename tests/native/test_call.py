"""The layout of the arguments that Python and C++ share."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from plaingrad.native import call
from plaingrad.native.compile.builder import FLAGS, KERNELS, find_compiler


def check(folder: Path, assertions: str) -> subprocess.CompletedProcess[str]:
    source = folder / "call.cpp"
    source.write_text(f'#include "run/trainer.hpp"\nusing namespace plaingrad;\n{assertions}\n')
    command = [*find_compiler().command, *FLAGS, f"-I{KERNELS}", "-fsyntax-only", str(source)]
    return subprocess.run(command, capture_output=True, text=True)


def test_both_languages_lay_out_the_call_alike(tmp_path: Path) -> None:
    done = check(tmp_path, call.layout_checks())
    assert done.returncode == 0, done.stderr


def test_every_field_is_compared() -> None:
    names = [name for name, *_ in call.Call._fields_]
    assert all(f"(Call, {name}) ==" in call.layout_checks() for name in names)


def test_fields_in_another_order_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = call.Call._fields_

    class Swapped(ctypes.Structure):
        _fields_ = [fields[1], fields[0], *fields[2:]]

    monkeypatch.setattr(call, "Call", Swapped)
    done = check(tmp_path, call.layout_checks())
    assert done.returncode != 0
    assert "offsetof" in done.stderr
