"""Mistakes in the loop of a backward are named, however many rounds it has."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from plaingrad.inspect import GradientReport, check_gradients
from plaingrad.learn import exercise

STEPS = 4
USUAL = """self.u.grad += da.T @ x[t]
self.w.grad += da.T @ before
self.bias.grad += da.sum(0)"""
MISTAKES = {
    "the step after is forgotten": ("da", "da = dy[t] * (1 - h * h)", "missing-term"),
    "the derivative of tanh is left out": ("da", "da = dy[t] + dh", "missing-derivative"),
    "the sign within the derivative": ("da", "da = (dy[t] + dh) * (1 + h * h)", "wrong-sign"),
    "the sign of the step after": ("da", "da = (dy[t] - dh) * (1 - h * h)", "wrong-sign"),
    "the state is not squared": ("da", "da = (dy[t] + dh) * (1 - h)", "wrong-derivative"),
    "the state before in the derivative": (
        "da",
        "da = (dy[t] + dh) * (1 - before * before)",
        "wrong-derivative-argument",
    ),
    "the weight of the state is transposed": ("dh", "dh = da @ self.w.value.T", "transposed"),
    "the product of the weight is transposed": (
        "parameters",
        USUAL.replace("da.T @ before", "before.T @ da"),
        "transposed",
    ),
    "the state after in place of that before": (
        "parameters",
        USUAL.replace("before", "h"),
        "wrong-derivative-argument",
    ),
    "the bias is averaged": ("parameters", USUAL.replace("sum", "mean"), "wrong-factor"),
    "the other weight": ("dx", "dx[t] = da @ self.w.value", "wrong-derivative-argument"),
}


def report(blank: str, code: str, path: Path) -> GradientReport:
    """The report on the recurrent network of the exercise with these lines in it."""
    names: dict[str, type] = {}
    path.write_text(exercise("rnn").filled({blank: code}))
    exec(compile(path.read_text(), str(path), "exec"), names)
    with torch.random.fork_rng([]):
        torch.manual_seed(1)
        module = names["RNN"](3, 3)
        return check_gradients(module, torch.randn(STEPS, 2, 3))


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_a_loop_is_named(mistake: str, tmp_path: Path) -> None:
    blank, code, kind = MISTAKES[mistake]
    findings = report(blank, code, tmp_path / "rnn.py").findings
    assert kind in [each.kind for finding in findings for each in finding.mistakes], findings
