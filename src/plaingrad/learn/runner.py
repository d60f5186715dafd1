"""The process in which a learner's code runs: reads a request from standard input, writes a verdict."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
from pathlib import Path


def main() -> None:
    """Judge the submission that standard input names, under limits of memory, time and output."""
    request = json.loads(sys.stdin.read())
    result = Path(request["result"])
    from plaingrad.learn.exercise import exercise
    from plaingrad.learn.judging import judged  # imports torch, before memory is limited

    _limit(request["memory"], request["seconds"], request["output"])
    path = Path(request["file"])
    verdict = judged(exercise(request["exercise"]), path, request["seed"], request["time_limit"])
    result.write_text(json.dumps({"token": request["token"], "verdict": dataclasses.asdict(verdict)}))
    with contextlib.suppress(OSError, ValueError):  # more was printed than is kept, or nothing can be
        sys.stdout.flush()
    os._exit(0)  # whatever threads the code has left behind


def _limit(memory: int, seconds: int, output: int) -> None:
    """Limit further memory, processor time, and the size of files, as far as the system can."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": output, "RLIMIT_CORE": 0}
    statm = Path("/proc/self/statm")
    if statm.exists():
        limits["RLIMIT_AS"] = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + memory
    for name, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a lower one is in force
            resource.setrlimit(getattr(resource, name), (limit, limit))


if __name__ == "__main__":
    main()
