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
    from plaingrad.learn.exercise import parsed
    from plaingrad.learn.judging import answers, judged  # imports torch, before memory is limited

    _limit(request["memory"], request["seconds"], request["output"])
    about, path = parsed(request["exercise"], request["source"]), Path(request["file"])
    verdict = judged(about, path, request["seed"], request["time_limit"])
    numbers = answers(about, request["seed"], request["time_limit"])
    result = {"verdict": dataclasses.asdict(verdict), "answers": numbers}
    content = json.dumps(result).encode()
    if isinstance(request["result"], int):
        os.pwrite(request["result"], content, 0)
    else:
        Path(request["result"]).write_bytes(content)
    with contextlib.suppress(OSError, ValueError):  # more was printed than is kept, or nothing can be
        sys.stdout.flush()
    os._exit(0)  # whatever threads the code has left behind


def _limit(memory: int, seconds: int, output: int) -> None:
    """Limit further memory, processor time, processes, and the size of files, as far as the system can."""
    try:
        import resource
    except ImportError:
        return
    limits = {"RLIMIT_CPU": seconds, "RLIMIT_FSIZE": output, "RLIMIT_CORE": 0}
    statm = Path("/proc/self/statm")
    if statm.exists():
        limits["RLIMIT_AS"] = int(statm.read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE") + memory
        # Threads count, and those of the user's other processes too, which are no more than all there are.
        limits["RLIMIT_NPROC"] = 64 + sum(1 for _ in Path("/proc").glob("[0-9]*/task/[0-9]*"))
    for name, limit in limits.items():
        with contextlib.suppress(ValueError, OSError):  # a lower one is in force
            resource.setrlimit(getattr(resource, name), (limit, limit))
