"""From nothing to the trained paper's network: a new process, its imports, compilation and 25 epochs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.contenders import CONTENDERS, EAGER, HAND, JAX, JAX_EXPERT, OURS
from benchmarks.extent import repetitions
from benchmarks.isolated import limits
from benchmarks.markdown import table
from benchmarks.measure import Timing
from benchmarks.workloads import WORKLOADS

EPOCHS, REPETITIONS = 25, 3
EMPTY, WARM = f"{OURS}, empty cache", f"{OURS}, warm cache"
CASES = {EMPTY: OURS, WARM: OURS, **{name: name for name in (EAGER, HAND, JAX, JAX_EXPERT)}}


def _seconds(name: str, file: Path, cache: str) -> float:
    command = [sys.executable, "-m", "benchmarks.cold_process", CONTENDERS[name].path, str(file), str(EPOCHS)]
    start = time.perf_counter()
    environment = {**os.environ, **limits(1), "PLAINGRAD_CACHE": cache}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr.strip().splitlines()[-1])
    return time.perf_counter() - start


def report() -> str:
    """Markdown for the results file."""
    work = WORKLOADS[0]
    (x, y), start = work.data(), work.start()
    settings = {name: getattr(work, name) for name in ("sizes", "batch_size", "optimizer", "lr", "loss")}
    found: dict[str, list[float]] = {case: [] for case in CASES}
    failures = {}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "work.npz"
        np.savez(file, x=x, y=y, workload=json.dumps(settings), **{f"p{i}": p for i, p in enumerate(start)})
        for i in track(range(repetitions(REPETITIONS)), "cold", transient=True):
            for case, name in CASES.items():
                # A warm cache is what the first run with an empty one left behind.
                cache = f"{folder}/cache{i if case == EMPTY else 0}"
                try:
                    found[case].append(_seconds(name, file, cache))
                except RuntimeError as error:
                    failures[case] = str(error)
    rows = [
        [case, failures[case]] if case in failures else [case, Timing(taken).in_seconds()]
        for case, taken in found.items()
    ]
    return "\n".join(
        [
            "## From a cold process",
            "",
            f"Seconds from the start of Python to the end of {EPOCHS} epochs of the paper's network at batch",
            "1, with imports, building and compilation, one thread: median (smallest to largest).",
            table(["library", "seconds"], rows),
        ]
    )
