"""A program in a process of its own, which nothing that it does outlives."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def run_alone(
    module: str,
    request: Mapping[str, Any],
    seconds: float,
    *,
    folder: Path | None = None,
    output: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> int | None:
    """Run a module as a program that reads a request from standard input, and wait until it ends.

    When it ends, or its time is over, so does all that it has started, where the system knows groups of
    processes.

    Args:
        module: its name.
        request: what it is to do, as JSON holds it.
        seconds: the time that it may take.
        folder: where it runs; None for the folder of this process.
        output: a file for what it prints; None for the output of this process.
        environment: its environment; None for that of this process.

    Returns:
        Its exit code; None if it did not end in time.
    """
    with contextlib.ExitStack() as stack:
        printed = None if output is None else stack.enter_context(output.open("wb"))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=printed,
            stderr=printed,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )
        try:
            process.communicate(json.dumps(request).encode(), timeout=seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)
    return process.returncode


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has started."""
    with contextlib.suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()
