"""Run benchmarks and write benchmarks/RESULTS.md: ``python -m benchmarks [SECTION ...]``; all by default.

With ``BENCH_QUICK=FOLDER`` in the environment everything is done once, mostly on thin networks, and written
there: it shows that all works, and its figures say nothing.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.extent import FOLDER

SECTIONS = [
    "steps",
    "ratios",
    "products",
    "sweep",
    "estimators",
    "scores",
    "prediction",
    "ceiling",
    "cold",
    "scaling",
    "eager",
    "layers",
    "contract",
    "threads",
    "fann",
    "playground",
    "checkpoints",
    "rows",
    "ranks",
]
HEAD = """# Results

Written by `make bench`; each section ends with what it was measured on.
Contenders take turns within each repetition, after runs that do not count. Times of different runs do not
compare; the ratios within one do.

"""


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"expected sections out of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    os.environ |= {"KINETO_LOG_LEVEL": "99", "TORCH_CPP_LOG_LEVEL": "ERROR"}  # the profiler's remarks
    import torch

    from benchmarks import measure

    torch.set_num_threads(1)
    part("").parent.mkdir(parents=True, exist_ok=True)
    begun, sections = time.perf_counter(), chosen or SECTIONS
    for i, section in enumerate(sections, 1):
        minutes = (time.perf_counter() - begun) / 60
        print(f"[{i} of {len(sections)}, after {minutes:.1f} minutes] {section}", file=sys.stderr, flush=True)
        text = importlib.import_module(f"benchmarks.{section}").report() + f"\n{measure.machine()}.\n\n"
        print(text, flush=True)
        part(section).write_text(text, encoding="utf-8")
        gather()


def part(section: str) -> Path:
    """Where a section's text is kept, until it is measured again."""
    return FOLDER / "results" / f"{section}.md"


def gather() -> None:
    """Put the sections that have been measured together."""
    texts = [part(section).read_text(encoding="utf-8") for section in SECTIONS if part(section).exists()]
    (FOLDER / "RESULTS.md").write_text("".join([HEAD, *texts]), encoding="utf-8")


def in_clean_environment(arguments: list[str]) -> None:
    """Start again without the variables that hold numpy's products to slower kernels, if there are any."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    if clean != dict(os.environ):
        raise SystemExit(subprocess.call([sys.executable, "-m", "benchmarks", *arguments], env=clean))


if __name__ == "__main__":
    in_clean_environment(sys.argv[1:])
    main(sys.argv[1:])
