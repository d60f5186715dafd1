"""Copies of the tree in which faults are planted and tests are run."""

from __future__ import annotations

import gc
import multiprocessing
import os
import shutil
import signal
import sys
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from mutants.fault import Fault

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("src", "tests", "benchmarks", "pyproject.toml", "README.md", "CONTRIBUTING.md", "Makefile", "docs")
# Exit codes: two of pytest's, the second too of a module that cannot be imported; then
# of a run that never began.
FAILED, INTERRUPTED, BROKEN = 1, 2, 99
# Nobody reads what an assertion compared.
OPTIONS = ("-x", "-q", "--numprocesses=0", "--assert=plain", "-p", "no:cacheprovider")
# Profiles of hypothesis, from the tests' conftest.py: with the examples of every run of the suite, or others.
PROFILES = {"same": "planted", "new": "planted_new"}
SECONDS = 600.0  # a run that takes longer hangs

# Every run is a fork of one process that has imported what takes long and is not under test.
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("torch", "numpy", "pandas", "pyarrow", "sklearn.linear_model", "sklearn.pipeline"),
        *("matplotlib.pyplot", "pytest", "hypothesis", "beartype", "jaxtyping", "jax"),
    ]
)


class Workshop:
    """One copy of the tree, in which one fault at a time is planted.

    Args:
        folder: where to make the copy.
        draws: the examples that the tests draw, ``"same"`` in every run or ``"new"``.
    """

    def __init__(self, folder: Path, draws: str) -> None:
        self.folder = folder
        self.options = (*OPTIONS, f"--hypothesis-profile={PROFILES[draws]}")
        for name in COPIED:
            source = ROOT / name
            if source.is_dir():
                shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "_build"))
            else:
                shutil.copy2(source, folder / name)

    def caught(self, fault: Fault, repeat: int) -> int:
        """The number of runs, of ``repeat``, in which a test fails while the fault is there.

        Raises:
            RuntimeError: no test was run.
        """
        original = fault.plant(self.folder)
        try:
            return self._failures(fault.tests, repeat)
        finally:
            (self.folder / fault.file).write_text(original)

    def is_green(self, tests: tuple[str, ...]) -> bool:
        """Whether these tests pass without a fault; otherwise they say nothing about one."""
        return self._failures(tests, 1) == 0

    def _failures(self, tests: tuple[str, ...], repeat: int) -> int:
        shutil.rmtree(self.folder / ".hypothesis", ignore_errors=True)  # no examples from earlier runs
        arguments = [*self.options, *tests]
        receiver, sender = FORKS.Pipe(duplex=False)
        run = FORKS.Process(target=run_tests, args=(self.folder, arguments, repeat, sender))
        run.start()
        sender.close()
        codes: list[int] = []
        try:
            while len(codes) < repeat and receiver.poll(SECONDS):
                codes.append(receiver.recv())
        except EOFError:  # it ended before the tests began, once for all
            run.join()
            codes += [run.exitcode] * (repeat - len(codes))
        if len(codes) < repeat:
            os.killpg(run.pid, signal.SIGKILL)
            codes += [FAILED] * (repeat - len(codes))
        run.join()
        if not set(codes) <= {0, FAILED, INTERRUPTED}:
            log = (self.folder / "output").read_text()[-2000:]
            raise RuntimeError(f"pytest {' '.join(tests)}: exit codes {codes}, {log}")
        return sum(code != 0 for code in codes)


class Repeatedly:
    """A plugin of pytest, for several runs of what was collected once, each in a process of its own.

    Args:
        repeat: how often.
        sender: where the exit code of each run goes.
    """

    def __init__(self, repeat: int, sender: Connection) -> None:
        self.repeat = repeat
        self.sender = sender

    def pytest_runtestloop(self) -> bool | None:
        """Take the turn of pytest's own loop, except in the new processes."""
        for _ in range(self.repeat):
            child = os.fork()
            if not child:
                return None
            _, status = os.waitpid(child, 0)
            self.sender.send(os.waitstatus_to_exitcode(status))
        return True


def run_tests(folder: Path, arguments: list[str], repeat: int, sender: Connection) -> None:
    """Run pytest on a copy of the tree, in processes of their own, and exit with its code."""
    os.setpgid(0, 0)  # to be ended with those that it begins
    gc.freeze()  # what was imported before the fork stays
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
    os.environ["PLAINGRAD_THOROUGH"] = "1"
    sys.dont_write_bytecode = True
    code: int = BROKEN
    try:
        import pytest

        code = int(pytest.main(arguments, [Repeatedly(repeat, sender)]))
    except BaseException:
        traceback.print_exc()
    sys.exit(code)
