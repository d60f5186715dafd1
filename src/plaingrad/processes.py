"""A program in a process of its own, which nothing that it does outlives."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

MARK = "PLAINGRAD_ALONE"  # the variable by which all processes of such a program are known
ROUNDS = 500  # in which processes that start others are hunted

SHIELDED = "from plaingrad.processes import shield; shield(); "


def is_alone() -> bool:
    """True in such a process, and in those that it has started."""
    return MARK in os.environ


def run_alone(
    module: str,
    request: Mapping[str, Any],
    seconds: float,
    *,
    folder: Path | None = None,
    output: int | None = None,
    files: Sequence[int] = (),
    environment: Mapping[str, str] = os.environ,
) -> int | None:
    """Run a module's ``main``, which reads a request from standard input, and wait until it ends.

    When it ends, or its time is over, so does all that it has started, where the system knows groups of
    processes; in sessions of their own too, where it shows the environments of processes.

    Args:
        module: its name.
        request: what it is to do, as JSON holds it.
        seconds: the time that it may take.
        folder: where it runs; None for the folder of this process.
        output: the descriptor of a file for what it prints; None for the output of this process.
        files: descriptors that it inherits.
        environment: its environment.

    Returns:
        Its exit code; None if it did not end in time.
    """
    mark = secrets.token_hex()
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", f"{SHIELDED}from {module} import main; main()"],
        stdin=subprocess.PIPE,
        stdout=output,
        stderr=output,
        cwd=folder,
        env={**environment, MARK: mark},
        start_new_session=True,
        pass_fds=files,
    )
    try:
        process.communicate(json.dumps(request).encode(), timeout=seconds)
    except subprocess.TimeoutExpired:
        return None
    finally:
        _end(process, f"{MARK}={mark}".encode())
    return process.returncode


def shield() -> None:
    """Go on in a child of this process, which waits for it and ends as it does.

    The parent of what runs is then this process, not that of the user: ending its parent, it ends itself.
    """
    if not hasattr(os, "fork"):
        return
    pid = os.fork()
    if pid == 0:
        return
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code < 0:
        with contextlib.suppress(OSError, ValueError):  # not of SIGKILL
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    os._exit(code if code >= 0 else 128 - code)


def _end(process: subprocess.Popen[bytes], mark: bytes) -> None:
    """End the process and all that it has started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
    for _ in range(ROUNDS):
        left = _marked(mark)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            return
        time.sleep(0.01)


def _marked(mark: bytes) -> set[int]:
    """The processes that run and were started with this variable."""
    pids = set()
    for path in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in path.read_bytes().split(b"\0"):
                pids.add(int(path.parent.name))
    return pids
