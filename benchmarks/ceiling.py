"""How near to this machine's limit: floating-point operations a second, beside those of a matrix product."""

from __future__ import annotations

import time

import torch

from benchmarks.isolated import Isolated
from benchmarks.markdown import table
from benchmarks.steps import NAMES, results

SIZES, TRIALS = (512, 1024, 2048), 8


def ceiling() -> float:
    """GFLOP/s of the best square product of torch on one thread."""
    with Isolated() as process:
        return max(process.call(_product, size) for size in SIZES)


def _product(size: int) -> float:
    a, b = torch.randn(size, size), torch.randn(size, size)
    best = float("inf")
    for _ in range(TRIALS):
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return 2 * size**3 / best / 1e9


def report() -> str:
    """Markdown for the results file."""
    rows = [
        [
            work.name,
            f"{work.flops:.3g}",
            *(
                "" if found[name].failure else f"{work.flops / found[name].timing.median / 1e9:.3g}"
                for name in NAMES
            ),
        ]
        for work, found in results()
    ]
    return "\n".join(
        [
            "## Arithmetic",
            "",
            "GFLOP/s of a step's matrix products; everything else in a step counts as time alone. The best",
            f"`torch.mm` of square matrices reached {ceiling():.0f} GFLOP/s on one thread. Products with",
            "zeros count like any, so plaingrad, which leaves most of them out, can be above that.",
            table(["work", "FLOP a step", *NAMES], rows),
        ]
    )
