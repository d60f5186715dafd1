"""Plant every fault of the catalogue, one at a time, and print those that no test catches."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from queue import SimpleQueue

from mutants.catalogue import WINGS
from mutants.fault import Fault
from mutants.workshop import PROFILES, ROOT, Workshop


def main() -> int:
    """Run the faults that were asked for; 1 if one survives."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--jobs", type=int, default=2, help="how many at a time")
    parser.add_argument("--repeat", type=int, default=1, help="how often each must be caught")
    parser.add_argument(
        "--only", default="", help="those with one of these words in their wing, file or text"
    )
    parser.add_argument("--draws", choices=PROFILES, default="same", help="the examples of each run")
    options = parser.parse_args()
    words = options.only.split() or [""]
    faults = [
        fault
        for wing, planted in WINGS.items()
        for fault in planted
        if any(word in f"{wing} {fault}" for word in words)
    ]
    expect_fitting(faults)
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshops: SimpleQueue[Workshop] = SimpleQueue()
        for job in range(options.jobs):
            workshops.put(Workshop(Path(folder) / str(job), options.draws))
        return report(faults, options.jobs, options.repeat, workshops)


def expect_fitting(faults: list[Fault]) -> None:
    """Refuse a catalogue that does not fit the code any more, before anything is run."""
    counts = [(fault, (ROOT / fault.file).read_text().count(fault.old)) for fault in faults]
    stale = [f"{fault.file}: expected {fault.old!r} once, got it {n} times" for fault, n in counts if n != 1]
    if stale:
        raise SystemExit("\n".join(stale))


def report(faults: list[Fault], jobs: int, repeat: int, workshops: SimpleQueue[Workshop]) -> int:
    """Run the tests without faults and then with each, and say as it goes what came of it."""

    def in_workshop(work: Callable[[Workshop], int]) -> int:
        workshop = workshops.get()
        try:
            return work(workshop)
        finally:
            workshops.put(workshop)

    def is_green(tests: tuple[str, ...]) -> int:
        return in_workshop(lambda workshop: workshop.is_green(tests))

    def caught(fault: Fault) -> int:
        return in_workshop(lambda workshop: workshop.caught(fault, repeat))

    begun = time.perf_counter()
    survivors: dict[Fault, int] = {}
    with ThreadPoolExecutor(jobs) as pool:
        selections = list(dict.fromkeys(fault.tests for fault in faults))
        for tests, passed in zip(selections, pool.map(is_green, selections)):
            if not passed:
                raise SystemExit(f"these tests fail without any fault: {' '.join(tests)}")
        print(f"{len(selections)} selections of tests pass without a fault", flush=True)
        runs = {pool.submit(caught, fault): fault for fault in faults}
        for done, run in enumerate(as_completed(runs), 1):
            fault, times = runs[run], run.result()
            if times < repeat:
                survivors[fault] = repeat - times
            seconds = time.perf_counter() - begun
            said = "caught" if times == repeat else "SURVIVES"
            print(f"{done}/{len(runs)} {seconds:.0f} s {said} {fault}", flush=True)
    for fault, count in survivors.items():
        print(f"survives {count} of {repeat}: {fault} ({' '.join(fault.tests)})")
    print(f"{len(faults)} faults, {len(faults) - len(survivors)} caught, {len(survivors)} survive")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
