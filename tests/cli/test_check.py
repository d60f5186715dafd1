from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.shell import refused, run, succeed
from plaingrad.cli import check, checking

LAYERS = """
import os
import re
from dataclasses import dataclass

import torch

from plaingrad import Module, nn
from beside import two


class Half(nn.Linear):
    def backward(self, dy):
        x = self.restore(dy)
        self.weight.grad += dy.T @ x / two
        if self.bias is not None:
            self.bias.grad += dy.sum(0)
        return dy @ self.weight.value


@dataclass
class Power(Module):
    exponent: int = 2

    def forward(self, x):
        y = x**self.exponent
        self.save(x, y)
        return y

    def backward(self, dy):
        return self.exponent * self.restore(dy) ** (self.exponent - 1) * dy


class Lookup(Module):
    def forward(self, x, k):
        y = x[k]
        self.save((x, k), y)
        return y

    def backward(self, dy):
        x, k = self.restore(dy)
        return torch.zeros_like(x).index_add(0, k, dy), None


class Broken(Module):
    def forward(self, x):
        return x.nonsense


class Deaf(Module):
    def forward(self, x):
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass


class InC(Module):
    def forward(self, x):
        re.match("(a|a)*b", 60 * "a")


class Ending(Module):
    def forward(self, x):
        os._exit(0)


class Leaving(Module):
    def __init__(self, early=False):
        if early:
            raise SystemExit(0)

    def forward(self, x):
        raise SystemExit(0)
"""


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks in the process of the test, for one of its own takes seconds to import PyTorch."""

    def run(module: str, request: dict[str, Any], seconds: float) -> int:
        outcome = checking.outcome(checking.Request(**json.loads(json.dumps(request))))
        Path(request["result"]).write_text(json.dumps(outcome), encoding="utf-8")
        return 0

    monkeypatch.setattr(check, "run_alone", run)


@pytest.fixture
def layers(tmp_path: Path) -> Path:
    (tmp_path / "beside.py").write_text("two = 2\n")
    path = tmp_path / "layers.py"
    path.write_text(LAYERS)
    return path


def test_a_right_backward_gives_exit_code_0(layers: Path) -> None:
    assert "every gradient is right" in succeed("check", f"{layers}:Power", "--input", "4,3")
    said = succeed(
        "check", f"{layers}:Power", "--args", "exponent=3", "--input", "4,3", "--eval", "--seed", 5
    )
    assert said.startswith("Power(exponent=3) in evaluation mode, float64, seed 5\n")


def test_a_wrong_backward_gives_exit_code_1_and_is_named(layers: Path) -> None:
    result = run("check", f"{layers}:Half", "--args", "3, 2, bias=False", "--input", "4,3")
    assert result.exit_code == 1
    assert "Half(3, 2, bias=False) weight[" in result.stdout
    assert "wrong-factor: a factor of 1/2" in result.stdout


def test_the_same_seed_says_the_same(layers: Path, request: pytest.FixtureRequest) -> None:
    """In any process."""

    def said(seed: int) -> str:
        return run("check", f"{layers}:Half", "--args", "3, 2", "--input", "4,3", "--seed", seed).stdout

    once = said(1)
    request.getfixturevalue("in_this_process")
    again, other = said(1), said(2)
    assert once == again
    assert once != other


@pytest.mark.parametrize("name", ["Deaf", "InC"])
def test_code_that_does_not_end_is_ended(layers: Path, name: str) -> None:
    result = run("check", f"{layers}:{name}", "--input", "4,3", "--time-limit", "0.1", "--json")
    assert result.exit_code == 1
    (finding,) = json.loads(result.stdout)["findings"]
    assert finding["mistakes"][0]["kind"] == "endless"


def test_what_ends_the_process_is_no_right_gradient(layers: Path) -> None:
    line = refused("check", f"{layers}:Ending", "--input", "4,3")
    assert line.endswith("Ending ended the program before the check was over (exit code 0)")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["Nothing"], "'FILE.py:CLASS': there is no Nothing in "),
        (["Leaving"], "layers.py:Leaving raised SystemExit: 0"),
    ],
)
def test_a_process_of_its_own_says_what_it_refuses(layers: Path, arguments: list[str], problem: str) -> None:
    name, *others = arguments
    assert problem in refused("check", f"{layers}:{name}", *others, "--input", "4")


@pytest.mark.usefixtures("in_this_process")
def test_integer_inputs(layers: Path) -> None:
    assert "input 0" in succeed("check", f"{layers}:Lookup", "--input", "5,2", "--input", "7:int5")


@pytest.mark.usefixtures("in_this_process")
def test_a_loss_and_its_target(layers: Path) -> None:
    assert "under MSELoss()" in succeed("check", f"{layers}:Power", "--input", "4,3", "--loss", "MSELoss")
    succeed("check", f"{layers}:Power", "--input", "4,3", "--loss", "MSELoss", "--target", "4,3")


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["layers.py:Power", "--input", "4,x"], "'--input': expected sizes of at least 1"),
        (["layers.py:Power", "--input", "4:int0"], "'--input': expected a shape such as 4,3 or 4,3:int10"),
        (["layers.py:Power", "--input", "4:float"], "'--input': expected a shape such as 4,3 or 4,3:int10"),
        (["layers.py:Power"], "Missing option '--input'"),
        (["layers.py:Power", "--input", "4", "--args", "3 2"], "'--args': expected arguments such as"),
        (["layers.py:Power", "--input", "4", "--args", "x"], "'--args': expected arguments such as"),
        (["layers.py:Power", "--input", "4", "--args", "1, 2"], "Power(1, 2) raised TypeError"),
        (["layers.py:Power", "--input", "4", "--loss", "Loss"], "'--loss': expected a loss of plaingrad.nn"),
        (["layers.py:Power", "--input", "4", "--target", "4"], "'--target': expected --loss with it"),
        (["layers.py:Half", "--args", "3, 2", "--input", "4,5"], "Half(3, 2): expected input (*, 3)"),
        (["layers.py:Broken", "--input", "4"], "Broken(): forward of input (4,) raised AttributeError"),
        (
            ["layers.py:Nothing", "--input", "4"],
            "there is no Nothing in layers.py, which defines Half, Power",
        ),
        (["layers.py:two", "--input", "4"], "derived from plaingrad.Module, and two is none"),
        (["layers.py", "--input", "4"], "expected a file and a class such as layer.py:Layer, got layers.py"),
        (["nothing.py:Power", "--input", "4"], "expected a Python file, and nothing.py is none"),
        (["syntax.py:Power", "--input", "4"], "syntax.py raised SyntaxError"),
        (["leaves.py:Power", "--input", "4"], "leaves.py:Power raised SystemExit: 0"),
        (["layers.py:Leaving", "--input", "4"], "layers.py:Leaving raised SystemExit: 0"),
        (["layers.py:Leaving", "--args", "True", "--input", "4"], "layers.py:Leaving raised SystemExit: 0"),
        (["layers.py:Power", "--input", "9" * 30], "'--input': expected sizes of at most 1,000,000"),
        (["layers.py:Power", "--input", "100000,100000"], "'--input': expected at most 100,000,000 numbers"),
        (["layers.py:Power", "--input", "4:int" + "9" * 30], "'--input': expected a shape such as 4,3"),
    ],
)
@pytest.mark.usefixtures("in_this_process")
def test_what_cannot_be_used_is_refused_in_one_line(
    layers: Path, arguments: list[str], problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (layers.parent / "syntax.py").write_text("def")
    (layers.parent / "leaves.py").write_text("import sys; sys.exit(0)")
    monkeypatch.chdir(layers.parent)
    line = refused("check", *arguments)
    assert line.startswith("plaingrad check: ")
    assert problem in line
