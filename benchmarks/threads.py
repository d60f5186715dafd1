"""The largest workloads on two threads."""

from __future__ import annotations

from rich.progress import track

from benchmarks.contenders import EAGER, EAGER_ANY, JAX, JAX_EXPERT, OURS, OURS_ALONE
from benchmarks.extent import QUICK, repetitions
from benchmarks.markdown import table
from benchmarks.race import Race, Results, strays
from benchmarks.steps import against
from benchmarks.workloads import WORKLOADS

THREADS, REPETITIONS = 2, 5
PEERS = [OURS_ALONE, JAX_EXPERT, JAX, EAGER_ANY, EAGER]


def report() -> str:
    """Markdown for the results file."""
    works = [work.small() for work in WORKLOADS[-1:]] if QUICK else WORKLOADS[-3:]
    times, ratios = [], []
    with Race([OURS, *PEERS], THREADS) as race:
        for work in track(works, "threads", transient=True):
            found = race.run(work, repetitions(REPETITIONS))
            times.append([work.name, *(microseconds(found, name) for name in (OURS, *PEERS))])
            ratios.append([work.name, *(against(found, peer) for peer in PEERS)])
    return "\n".join(
        [
            "## Two threads",
            "",
            "How many times faster plaingrad trains on two cores: median (smallest to largest).",
            table(["work", *(f"than {peer}" for peer in PEERS)], ratios),
            "Microseconds a step:",
            table(["work", OURS, *PEERS], times),
        ]
    )


def microseconds(found: Results, name: str) -> str:
    """A contender's time per step, or why there is none."""
    mark = " (other loss!)" if name in strays(found) else ""
    return found[name].failure or found[name].timing.in_microseconds() + mark
