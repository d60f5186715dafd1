"""The end of the process: what is to be done at the exit is done, the interpreter is not taken down."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, concurrent.futures, sys, time
from plaingrad.cli import main

class Remaining:
    def __del__(self):
        print("taken down")

def later():
    time.sleep(0.2)
    print("thread")

remaining = Remaining()
pool = concurrent.futures.ThreadPoolExecutor()
pool.submit(later)
atexit.register(print, "at exit")
sys.argv = ["plaingrad", *sys.argv[1:]]
main()
"""


def ended(*arguments: str) -> tuple[int, str, str]:
    """Exit code, standard output and error of a program that calls the command line."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("arguments", "code"), [(["--version"], 0), (["demmo"], 2)])
def test_threads_and_exit_handlers_are_done_and_output_is_whole(arguments: list[str], code: int) -> None:
    returned, out, err = ended(*arguments)
    assert returned == code
    assert out.splitlines()[-2:] == ["thread", "at exit"]
    assert ("No such command" in err) == (code == 2)


def test_a_profiler_has_its_say_afterwards() -> None:
    command = [sys.executable, "-m", "cProfile", "-m", "plaingrad", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "function calls" in done.stdout
