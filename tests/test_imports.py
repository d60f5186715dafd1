"""What is not loaded by who does not need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

UNNEEDED = ("sklearn", "pandas", "scipy", "pyarrow", "narwhals", "sympy")
FOR_PICTURES = ("matplotlib", "latex2mathml", "jinja2")


def loaded(statements: str, unneeded: tuple[str, ...] = UNNEEDED) -> list[str]:
    """Which of the unneeded ones a fresh process has after these statements."""
    script = f"import sys\n{statements}\nprint(*(name for name in {unneeded!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_importing_plaingrad_loads_nothing_for_tables() -> None:
    assert loaded("import plaingrad") == []
    assert loaded("from plaingrad import fit, interop, nn, optim; import plaingrad.inspect.plots") == []


def test_inspection_loads_what_draws_when_it_draws() -> None:
    assert loaded("import plaingrad; import plaingrad.inspect", FOR_PICTURES) == []
    step = (
        "import torch; from plaingrad import nn; from plaingrad.inspect import explain, health, record\n"
        "x = torch.ones(20, 2); step = record(nn.Linear(2, 2), x, x, loss=nn.MSELoss())\n"
        "print(step, health(step), explain(step, ''))"
    )
    assert loaded(step, FOR_PICTURES) == []
    assert loaded(f"{step}; explain(step, '').to_html()", FOR_PICTURES) == ["latex2mathml"]


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_demo_loads_nothing_for_tables(tmp_path: Path, rounds: int) -> None:
    arguments = ["demo", "--epochs", "1", "--rounds", str(rounds), "--output", str(tmp_path / "out")]
    assert loaded(f"from plaingrad.cli import app; app({arguments!r}, standalone_mode=False)") == []
