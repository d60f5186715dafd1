"""The largest workloads on two threads."""

from __future__ import annotations

from rich.progress import track

from benchmarks.contenders import EAGER, JAX, OURS
from benchmarks.markdown import table, times
from benchmarks.race import Race
from benchmarks.steps import faster, microseconds
from benchmarks.workloads import WORKLOADS

THREADS, REPETITIONS = 2, 5
NAMES = [OURS, EAGER, JAX]


def report() -> str:
    """Markdown for the results file."""
    rows = []
    with Race(NAMES, THREADS) as race:
        for work in track(WORKLOADS[-3:], "threads", transient=True):
            found = race.run(work, REPETITIONS)
            ratios = [faster(found, peer) for peer in (EAGER, JAX)]
            cells = ["not measured" if ratio is None else times(ratio) for ratio in ratios]
            rows.append([work.name, *microseconds(found, NAMES), *cells])
    return "\n".join(
        [
            "## Two threads",
            "",
            "Microseconds a step on two cores, and how many times faster plaingrad trains: median (smallest",
            "to largest).",
            table(["work", *NAMES, f"than {EAGER}", f"than {JAX}"], rows),
        ]
    )
