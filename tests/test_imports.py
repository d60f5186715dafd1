"""What is not loaded by who does not need it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

UNNEEDED = ("sklearn", "pandas", "scipy", "pyarrow", "narwhals", "sympy")


def loaded(statements: str) -> list[str]:
    """Which of the `UNNEEDED` a fresh process has after these statements."""
    script = f"import sys\n{statements}\nprint(*(name for name in {UNNEEDED!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_importing_plaingrad_loads_nothing_for_tables() -> None:
    assert loaded("import plaingrad") == []
    assert loaded("from plaingrad import fit, interop, nn, optim; import plaingrad.inspect.plots") == []


@pytest.mark.parametrize("rounds", [1, 2])
def test_the_demo_loads_nothing_for_tables(tmp_path: Path, rounds: int) -> None:
    arguments = ["demo", "--epochs", "1", "--rounds", str(rounds), "--output", str(tmp_path / "out")]
    assert loaded(f"from plaingrad.cli import app; app({arguments!r}, standalone_mode=False)") == []
