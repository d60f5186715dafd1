"""Hold random configurations of plaingrad.nn against torch.nn; print differences that are not deliberate."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

import torch

from fuzz.compare import differences
from fuzz.configurations import configuration
from fuzz.deliberate import DELIBERATE

PROGRESS = 5.0  # seconds
CASES_PER_SEED = 10**7


def main() -> int:
    """Run as many configurations as asked for; 1 if there was a difference."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=None, help="how long (60, unless a count is given)")
    parser.add_argument("--count", type=int, default=None, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="of another series")
    parser.add_argument("--only", default="", help="one class")
    parser.add_argument("--case", type=int, default=None, help="a single configuration by its number")
    options = parser.parse_args()
    torch.set_num_threads(1)
    first = options.seed * CASES_PER_SEED if options.case is None else options.case
    count = options.count if options.case is None else 1
    seconds = options.seconds if options.seconds or count else 60.0
    return fuzz(first, count or CASES_PER_SEED, seconds or float("inf"), options.only)


def fuzz(first: int, count: int, seconds: float, only: str) -> int:
    """Run the configurations from a number on, and report."""
    begun = shown = time.monotonic()
    total, wrong, deliberate = Counter[str](), Counter[str](), Counter[str]()
    for case in range(first, first + count):
        now = time.monotonic()
        if now - begun > seconds:
            break
        if now - shown > PROGRESS:
            shown = now
            print(f"{total.total()} configurations, {wrong.total()} differ, {now - begun:.0f} s", flush=True)
        chosen = configuration(case)
        if only and chosen.name != only:
            continue
        total[chosen.name] += 1
        for finding in differences(chosen):
            entry = finding.deliberate()
            if entry is not None:
                deliberate[entry.key] += 1
                continue
            wrong[chosen.name] += 1
            print(f"{finding}\n    make fuzz CASE={case}", flush=True)
    summarise(total, wrong, deliberate)
    return 1 if wrong else 0


def summarise(total: Counter[str], wrong: Counter[str], deliberate: Counter[str]) -> None:
    for name in sorted(total):
        print(f"{name:18} {total[name]:6} configurations {wrong[name]:6} differences")
    for entry in DELIBERATE:
        print(f"{deliberate[entry.key]:6} deliberate: {entry.key}")
    print(f"{total.total()} configurations of {len(total)} classes, {wrong.total()} differences")


if __name__ == "__main__":
    sys.exit(main())
