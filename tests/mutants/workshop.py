"""Copies of the tree in which faults are planted and tests are run."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sys
import traceback
from pathlib import Path

from mutants.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "tests", "benchmarks", "pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "docs")
# Exit codes: two of pytest's, the second too of a module that cannot be imported; then
# of a run that never began.
FAILED, INTERRUPTED, BROKEN = 1, 2, 99
OPTIONS = ("--numprocesses=0", "--hypothesis-profile=planted", "-p", "no:cacheprovider")
SECONDS = 600.0  # a run that takes longer hangs

# Every run is a fork of one process that has imported what takes long and is not under test.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    ["torch", "numpy", "pandas", "pyarrow", "sklearn.linear_model", "sklearn.pipeline", "matplotlib.pyplot"]
)


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
        original = fault.plant(self.folder)
        try:
            code = self._run(fault.tests)
        finally:
            (self.folder / fault.file).write_text(original)
        return code in (FAILED, INTERRUPTED)

    def is_green(self, tests: tuple[str, ...]) -> bool:
        """Whether these tests pass without a fault; otherwise they say nothing about one."""
        return self._run(tests) == 0

    def _run(self, tests: tuple[str, ...]) -> int:
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)  # no examples from earlier runs
        run = FORKS.Process(target=run_tests, args=(self.folder, tests))
        run.start()
        run.join(SECONDS)
        if run.exitcode is None:
            run.kill()
            return FAILED
        if run.exitcode not in (0, FAILED, INTERRUPTED):
            log = (self.folder / "output").read_text()[-2000:]
            raise RuntimeError(f"pytest {' '.join(tests)}: exit code {run.exitcode}, {log}")
        return run.exitcode


def run_tests(folder: Path, tests: tuple[str, ...]) -> None:
    """Run pytest on a copy of the tree, in a process of its own, and exit with its code."""
    os.chdir(folder)
    for stream in (sys.stdout, sys.stderr):
        with (folder / "output").open("a") as file:
            os.dup2(file.fileno(), stream.fileno())
    paths = [str(folder / part) for part in ("src", "tests", ".")]
    sys.path[:] = [
        *paths,
        *(
            path
            for path in sys.path
            if Path(path or ".").resolve() not in (ROOT, ROOT / "tests", ROOT / "src")
        ),
    ]
    # No compiled files: two versions of one size within a second would look alike.
    os.environ |= {"PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
    sys.dont_write_bytecode = True
    code: int = BROKEN
    try:
        import pytest

        code = int(pytest.main(["-x", "-q", *OPTIONS, *tests]))
    except BaseException:
        traceback.print_exc()
    sys.exit(code)
