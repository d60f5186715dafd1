"""What is not loaded by who does not need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

UNNEEDED = ("sklearn", "pandas", "scipy", "pyarrow", "narwhals", "sympy")
FOR_PICTURES = ("matplotlib", "latex2mathml", "jinja2")


def loaded(steps: list[str], unneeded: tuple[str, ...] = UNNEEDED) -> list[list[str]]:
    """Which of the unneeded ones a fresh process has after each of these steps."""
    show = f"print('loaded:', *(name for name in {unneeded!r} if name in sys.modules))"
    script = "\n".join(["import sys", *(line for step in steps for line in (step, show))])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("loaded:")]


def test_importing_plaingrad_loads_nothing_for_tables() -> None:
    modules = "from plaingrad import fit, interop, nn, optim; import plaingrad.inspect.plots"
    assert loaded(["import plaingrad", modules]) == [[], []]


def test_inspection_loads_what_draws_when_it_draws() -> None:
    step = (
        "import torch; from plaingrad import nn; from plaingrad.inspect import explain, health, record\n"
        "x = torch.ones(20, 2); step = record(nn.Linear(2, 2), x, x, loss=nn.MSELoss())\n"
        "print(step, health(step), explain(step, ''))"
    )
    drawn = "explain(step, '').to_html()"
    assert loaded(["import plaingrad.inspect", step, drawn], FOR_PICTURES) == [[], [], ["latex2mathml"]]


def test_the_demo_loads_nothing_for_tables(tmp_path: Path) -> None:
    demo = ["demo", "--epochs", "1", "--rounds"]
    arguments = [[*demo, str(rounds), "--output", str(tmp_path / f"out{rounds}")] for rounds in (1, 2)]
    commands = [f"from plaingrad.cli import app; app({each!r}, standalone_mode=False)" for each in arguments]
    assert loaded(commands) == [[], []]
