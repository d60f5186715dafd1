"""Which kernels the libraries' matrix products are, and how fast."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

import numpy as np
from threadpoolctl import threadpool_info

from benchmarks.isolated import Isolated
from benchmarks.markdown import table
from benchmarks.mkl import any_cpu

SIZES, TRIALS = (512, 1024), 8


def report() -> str:
    """Markdown for the results file."""
    with tempfile.TemporaryDirectory() as folder:
        cases = {"PyTorch": {}, "PyTorch, any CPU": any_cpu(folder)}
        rows = [
            [name, _mkl_kernels(variables), _rate(_torch, variables)] for name, variables in cases.items()
        ]
    rows.append(["numpy, scikit-learn", _openblas_kernels(), _rate(_numpy, {})])
    return "\n".join(
        [
            "## Matrix products",
            "",
            "The libraries' kernels, as they say themselves, and GFLOP/s of the best of square",
            f"products of {' and '.join(map(str, SIZES))}, one thread. PyTorch's are MKL's, which on AMD's",
            'processors takes AVX2 even where there is AVX-512. "any CPU": PyTorch with a preloaded function',
            "`mkl_serv_intel_cpu_true` that answers 1. Variables `OPENBLAS_*`, which can hold numpy to half",
            "its speed, are taken out of the environment of all contenders.",
            table(["library", "kernels", "GFLOP/s"], rows),
        ]
    )


def _rate(multiply, variables: dict[str, str]) -> str:
    with Isolated(**variables) as process:
        return f"{max(process.call(multiply, size) for size in SIZES):.0f}"


def _torch(size: int) -> float:
    import torch

    a, b, out = torch.randn(size, size), torch.randn(size, size), torch.empty(size, size)
    return _best(lambda: torch.mm(a, b, out=out), size)


def _numpy(size: int) -> float:
    a, b = np.random.default_rng(0).standard_normal((2, size, size), np.float32)
    out = np.empty_like(a)
    return _best(lambda: np.matmul(a, b, out=out), size)


def _best(multiply, size: int) -> float:
    best = float("inf")
    for _ in range(TRIALS):
        start = time.perf_counter()
        multiply()
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def _mkl_kernels(variables: dict[str, str]) -> str:
    """MKL's line about itself, from the version on."""
    program = "import torch; torch.mm(torch.ones(64, 64), torch.ones(64, 64))"
    environment = {**os.environ, **variables, "MKL_VERBOSE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("MKL_VERBOSE oneMKL")), "")
    return line.partition("MKL_VERBOSE ")[2] or "MKL says nothing"


def _openblas_kernels() -> str:
    with Isolated() as process:
        found = [info for info in process.call(threadpool_info) if "numpy" in info["filepath"]]
    return ", ".join(
        f"{info['internal_api']} {info['version']}, {info.get('architecture', '')}" for info in found
    )
