"""A training step beside the peers: the table of bars."""

from __future__ import annotations

import functools
from collections.abc import Callable

from rich.progress import track

from benchmarks.contenders import CONTENDERS, EAGER, OURS, PEERS, forms
from benchmarks.extent import QUICK, repetitions
from benchmarks.markdown import judged, table, times
from benchmarks.measure import ratio
from benchmarks.race import MOST, SECONDS, TOLERANCE, UNSUITED, Race, Result, Results, strays
from benchmarks.workloads import WORKLOADS, Workload

REPETITIONS = 5
JUDGED = ["JAX", "PyTorch"]


@functools.cache
def results() -> list[tuple[Workload, Results]]:
    """Every workload, run by everyone; once, however many sections ask."""
    works = [work.small() for work in WORKLOADS[2:3]] if QUICK else WORKLOADS
    with Race(list(CONTENDERS)) as race:
        return [
            (work, race.run(work, repetitions(REPETITIONS), 0 if QUICK else SECONDS))
            for work in track(works, "steps", transient=True)
        ]


def best(found: Results, library: str) -> str | None:
    """The fastest of a library's forms that did the same work; None if none did."""
    others = strays(found)
    names = [
        name for name in forms(library) if name in found and not found[name].failure and name not in others
    ]
    return min(names, key=lambda name: found[name].timing.median, default=None)


def faster(found: Results, peer: str | None) -> tuple[float, float, float] | None:
    """How many times faster than a peer, as `ratio` says it; None where either has no times."""
    if peer is None or found[OURS].failure or found[peer].failure:
        return None
    return ratio({name: found[name].timing for name in (peer, OURS)}, peer, OURS)


def verdict(found: Results, library: str, bar: float | None) -> str:
    """The ratio to a library's best form, its bar, whether that was met by the same work, and the form."""
    peer = best(found, library)
    measured = faster(found, peer)
    if measured is None:
        return "not measured" if bar is None else f"not measured / {bar:g}: **missed**"
    return f"{judged(measured, bar, valid=OURS not in strays(found))}; {peer}"


def against(found: Results, peer: str) -> str:
    """The ratio to a form, without bar."""
    measured = faster(found, peer)
    return "not measured" if measured is None else times(measured)


def by_form(rows: list[tuple[Workload, Results]], cell: Callable[[Result], str]) -> str:
    """A table with a row for each form, a column for each workload, and forms that did other work marked."""
    lines = []
    for name in CONTENDERS:
        cells = []
        for _, found in rows:
            mark = " (other loss!)" if name in strays(found) else ""
            cells.append(found[name].failure or cell(found[name]) + mark)
        lines.append([name, *cells])
    return table(["", *(work.name for work, _ in rows)], lines)


def report() -> str:
    """Markdown for the results file."""
    rows = results()
    usual = {library: forms(library)[0] for library in JUDGED}
    others = [library for library in PEERS if library not in JUDGED]
    return "\n".join(
        [
            "## Training steps",
            "",
            "How many times faster plaingrad trains, one thread each: median (smallest to largest). First",
            "than the form of JAX and of PyTorch that is fastest at this work, with its bar and its name;",
            "then than their usual forms; then than the other libraries.",
            table(
                [
                    "work",
                    *(f"than {library}'s best / bar" for library in JUDGED),
                    *(f"than {name}" for name in usual.values()),
                ],
                (
                    [
                        work.name,
                        *(verdict(found, library, work.bars.get(library)) for library in JUDGED),
                        *(against(found, name) for name in usual.values()),
                    ]
                    for work, found in rows
                ),
            ),
            table(
                ["work", *(f"than {library}" for library in others)],
                (
                    [work.name, *(against(found, forms(library)[0]) for library in others)]
                    for work, found in rows
                ),
            ),
            "Microseconds a step, median (smallest to largest):",
            by_form(rows, lambda result: result.timing.in_microseconds()),
            "Seconds from the data to the end of the first epoch, all compilation included:",
            by_form(rows, lambda result: f"{result.warm_up:.2f}"),
            "Loss over all the data after the same epochs without shuffling,",
            f"{', '.join(str(work.epochs) for work, _ in rows)} of them:",
            by_form(rows, lambda result: f"{result.loss:.5f}"),
            NOTES,
        ]
    )


NOTES = (
    f"""Everyone starts from the same weights, in float32, pinned to one core, in a process of its own.
Before timing, each trains the epochs of the last table in the data's own order; a loss further than
{TOLERANCE:.0%} from {EAGER}'s is marked, and such a form is never taken for a best one. Timed runs draw a
new order each epoch, find the loss of each, and last at least {SECONDS} s: whoever is done sooner trains
more epochs in the same call, up to {MOST} times as many. {UNSUITED}: the form is not meant for such a
network.

"""
    + "\n".join(f"- {name}: {form.description}" for name, form in CONTENDERS.items())
    + "\n"
)
