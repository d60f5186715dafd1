"""Copies of the tree in which faults are planted and tests are run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from mutants.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "tests", "benchmarks", "pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "docs")
FAILED, INTERRUPTED = 1, 2  # of pytest's exit codes; the second is also that of a module that cannot be imported
SECONDS = 600.0  # a run that takes longer hangs


class Workshop:
    """One copy of the tree, in which one fault at a time is planted.

    Args:
        folder: where to make the copy.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
            else:
                shutil.copy2(source, folder / name)

    def catches(self, fault: Fault) -> bool:
        """Whether a test fails while the fault is there.

        Raises:
            RuntimeError: no test was run.
        """
        fault.plant(self.folder)
        try:
            code = self._run(fault.tests)
        finally:
            shutil.copy2(ROOT / fault.file, self.folder / fault.file)
        return code in (FAILED, INTERRUPTED)

    def is_green(self, tests: tuple[str, ...]) -> bool:
        """Whether these tests pass without a fault; otherwise they say nothing about one."""
        return self._run(tests) == 0

    def _run(self, tests: tuple[str, ...]) -> int:
        paths = [str(self.folder / part) for part in ("src", "tests", ".")]
        # No compiled files: two versions of one size within a second would look alike. No examples from earlier runs.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)
        command = [sys.executable, "-m", "pytest", "-x", "-q", "--numprocesses=0", "-p", "no:cacheprovider", *tests]
        try:
            run = subprocess.run(
                command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return FAILED
        if run.returncode not in (0, FAILED, INTERRUPTED):
            raise RuntimeError(f"{' '.join(command)}: {run.stdout[-2000:]}{run.stderr[-2000:]}")
        return run.returncode
