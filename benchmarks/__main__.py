"""Run the benchmarks and write benchmarks/RESULTS.md: ``python -m benchmarks [SECTION ...]``."""

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
HEAD = """# Results

Written by `make bench`: {machine}. Contenders take turns within each repetition, after runs that do not
count. Times of different runs do not compare; the ratios within one do.

"""


def main(chosen: list[str]) -> None:
    unknown = set(chosen) - set(SECTIONS)
    if unknown:
        raise SystemExit(f"expected sections out of {', '.join(SECTIONS)}, got {', '.join(sorted(unknown))}")
    torch.set_num_threads(1)
    text = HEAD.format(machine=machine())
    for section in SECTIONS:
        if not chosen or section in chosen:
            part = importlib.import_module(f"benchmarks.{section}").report() + "\n"
            print(part, flush=True)
            text += part
            if not chosen:  # a part of the sections is shown, and leaves the file alone
                (Path(__file__).parent / "RESULTS.md").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
