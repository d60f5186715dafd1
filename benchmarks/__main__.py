"""Run benchmarks and write benchmarks/RESULTS.md: ``python -m benchmarks [SECTION ...]``; all by default."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

from benchmarks.measure import machine

SECTIONS = [
    "steps",
    "ratios",
    "sweep",
    "estimators",
    "scores",
    "prediction",
    "ceiling",
    "cold",
    "scaling",
    "eager",
    "threads",
]
HERE = Path(__file__).parent
HEAD = """# Results

Written by `make bench`: {machine}. Contenders take turns within each repetition, after runs that do not
count. Times of different runs do not compare; the ratios within one do.

"""


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"expected sections out of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    for section in chosen or SECTIONS:
        text = importlib.import_module(f"benchmarks.{section}").report() + "\n"
        print(text, flush=True)
        part(section).write_text(text, encoding="utf-8")
        gather()


def part(section: str) -> Path:
    """Where a section's text is kept, until it is measured again."""
    return HERE / "results" / f"{section}.md"


def gather() -> None:
    """Put the sections that have been measured together."""
    texts = [part(section).read_text(encoding="utf-8") for section in SECTIONS if part(section).exists()]
    (HERE / "RESULTS.md").write_text("".join([HEAD.format(machine=machine()), *texts]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
