"""Workers of a search, each a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import optuna

from pages import ROOT

# With hearts that beat fast enough for a test.
COMMAND = """
import sys
from plaingrad.tables.search import storage
storage.HEARTBEAT, storage.GRACE = 1, 3
from plaingrad.cli import main
sys.argv = ["plaingrad", *sys.argv[1:]]
main()
"""


def python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A process that runs a program."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def worker(*arguments: object) -> subprocess.Popen[str]:
    """A process that runs ``plaingrad train``."""
    return python(COMMAND, "train", *arguments)


def output(process: subprocess.Popen[str], code: int = 0) -> str:
    """What a process says that ends well."""
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, out + err
    assert "Traceback" not in err, err
    return out


def trials_of(storage: str | Path, name: str = "plaingrad") -> list[Any]:
    """The trials of a study, from the first to the last."""
    url = f"sqlite:///{storage}" if isinstance(storage, Path) else storage
    database = optuna.storages.RDBStorage(url)
    try:
        return optuna.load_study(study_name=name, storage=database).trials
    finally:
        database.engine.dispose()


def wait_until(path: Path, seconds: float = 60) -> None:
    """Wait for a file to appear."""
    end = time.monotonic() + seconds
    while not path.exists():
        assert time.monotonic() < end, path
        time.sleep(0.02)
