"""The programs in examples/: each runs to its end at a tiny size, and is a page that one can read."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pages import ROOT

FOLDER = ROOT / "examples"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "digits")
PICTURES = {"autoencoder", "gan", "gpt_stdlib"}
FORBIDDEN = {"torch.nn", "torch.autograd", "torch.optim"}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_runs(name: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, FOLDER / f"{name}.py", "--quick"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("\n") >= 2
    assert [path.name for path in tmp_path.glob("out/*")] == [f"{name}.png"] * (name in PICTURES)


def test_several_processes_run_one(tmp_path: Path) -> None:
    program = str(FOLDER / "several_processes.py")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [sys.executable, *launcher, program, "--quick"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("in each of 2 processes") == 1


@pytest.mark.parametrize("name", [*PROGRAMS, "digits"])
def test_a_program_is_short_and_uses_no_gradients_but_ours(name: str) -> None:
    source = (FOLDER / f"{name}.py").read_text()
    assert source.count("\n") <= (60 if name == "paper_in_sixty_lines" else 130)
    for node in ast.walk(ast.parse(source)):
        imported = (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [f"{node.module}.{alias.name}" for alias in node.names]
            if isinstance(node, ast.ImportFrom)
            else [ast.unparse(node)]
            if isinstance(node, ast.Attribute)
            else []
        )
        assert not any(name.startswith(tuple(FORBIDDEN)) for name in imported), ast.unparse(node)


def test_every_program_is_listed() -> None:
    page = (ROOT / "docs" / "examples.md").read_text()
    assert all(f"examples/{name}.py" in page for name in PROGRAMS)
