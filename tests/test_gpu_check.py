"""tools/gpu_check.py, with the CPU as its second device, as no test can count on a GPU."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from conformance.case import Case
from pages import ROOT
from plaingrad import Module, nn

TOOL = ROOT / "tools" / "gpu_check.py"


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> Any:
    spec = importlib.util.spec_from_file_location("gpu_check", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "path", list(sys.path))
    spec.loader.exec_module(module)
    return module


def test_rows_are_the_same_on_the_same_device(tool: Any, capsys: pytest.CaptureFixture[str]) -> None:
    kinds = (nn.Linear, nn.LSTMCell, nn.CrossEntropyLoss, nn.MaxPool1d, nn.Dropout)
    noisy = Case(Noisy, st.just({}), lambda arguments: st.just((torch.zeros(2, 3),)), random=True)
    rows = [*(case for case in tool.CASES if issubclass(case.ours, kinds)), noisy]
    assert tool.compare_rows(rows, "cpu", 2) == 0
    shown = capsys.readouterr().out
    assert "rows on cpu, 0 differ" in shown
    assert "Noisy left out: it draws at random in evaluation, too" in shown


class Noisy(Module):
    """A layer that draws in evaluation."""

    def forward(self, x: Tensor) -> Tensor:
        y = x + torch.rand(x.shape, device=x.device, dtype=x.dtype)
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


class Restless(Module):
    """A layer that computes something else each time."""

    calls = 0

    def forward(self, x: Tensor) -> Tensor:
        Restless.calls += 1
        factor = 100.0**Restless.calls
        y = x * factor
        self.save(factor, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        return dy * self.restore(dy)


class Resident(Module):
    """A layer that makes its tensor on the CPU."""

    def forward(self, x: Tensor) -> Tensor:
        y = x + torch.ones(x.shape, dtype=x.dtype, device="cpu")
        self.save(None, y)
        return y

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


def test_what_differs_is_a_line(tool: Any) -> None:
    lines = tool.compared(Restless(), (torch.ones(1, 1),), 0, "cpu")
    assert lines[0] == "output 0: [1000000.0] of (1, 1) instead of [10000.0] of (1, 1)"
    assert lines[1].startswith("gradient of input 0: ")


def test_what_fails_on_the_device_is_a_line(tool: Any) -> None:
    (line,) = tool.compared(Resident(), (torch.ones(2, 3),), 0, "meta")
    assert line.startswith("ModuleError: Resident(): ")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_one_line_and_no_failure() -> None:
    done = subprocess.run([sys.executable, TOOL], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("no GPU: cuda: ")
    assert done.stdout.count("\n") == 1
