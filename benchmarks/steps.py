"""A training step beside the peers: the table of bars."""

from __future__ import annotations

import functools

from rich.progress import track

from benchmarks.contenders import CONTENDERS, EAGER, JAX, OURS
from benchmarks.markdown import judged, table
from benchmarks.measure import ratio
from benchmarks.race import MOST, SECONDS, TOLERANCE, Race, Result, strays
from benchmarks.workloads import WORKLOADS, Workload

REPETITIONS = 7
NAMES = list(CONTENDERS)
Found = dict[str, Result]


@functools.cache
def results() -> list[tuple[Workload, Found]]:
    """Every workload, run by everyone; once, however many sections ask."""
    with Race(NAMES) as race:
        return [(work, race.run(work, REPETITIONS)) for work in track(WORKLOADS, "steps", transient=True)]


def faster(found: Found, peer: str) -> tuple[float, float, float] | None:
    """How many times faster than a peer, as `ratio` says it; None where either has no times."""
    if found[OURS].failure or found[peer].failure:
        return None
    return ratio({name: found[name].timing for name in (peer, OURS)}, peer, OURS)


def verdict(found: Found, peer: str, bar: float) -> str:
    """The measured ratio beside its bar, and whether it was met, by the same work."""
    measured = faster(found, peer)
    if measured is None:
        return f"not measured / {bar:g}: **missed**"
    return judged(measured, bar, valid=not {OURS, peer} & strays(found))


def microseconds(found: Found, names: list[str]) -> list[str]:
    """Each contender's time per step, or why there is none."""
    marks = {name: " (other loss!)" for name in strays(found)}
    results = {name: found[name] for name in names}
    return [r.failure or r.timing.in_microseconds() + marks.get(name, "") for name, r in results.items()]


def report() -> str:
    """Markdown for the results file."""
    rows = results()
    return "\n".join(
        [
            "## Training steps",
            "",
            "How many times faster plaingrad trains than PyTorch eager and than JAX, one thread each: median",
            "(smallest to largest) / bar.",
            table(
                ["work", f"than {EAGER}", f"than {JAX}"],
                (
                    [work.name, *(verdict(found, peer, bar) for peer, bar in zip((EAGER, JAX), work.bars))]
                    for work, found in rows
                ),
            ),
            "Microseconds a step, median (smallest to largest):",
            table(["work", *NAMES], ([work.name, *microseconds(found, NAMES)] for work, found in rows)),
            "Seconds from the data to the end of the first epoch, all compilation included:",
            table(
                ["work", *NAMES],
                ([work.name, *(f"{found[name].warm_up:.2f}" for name in NAMES)] for work, found in rows),
            ),
            "Loss over all the data after the same epochs without shuffling:",
            table(
                ["work", "epochs", *NAMES],
                (
                    [work.name, str(work.epochs), *(f"{found[name].loss:.5f}" for name in NAMES)]
                    for work, found in rows
                ),
            ),
            NOTES,
        ]
    )


NOTES = f"""Everyone starts from the same weights, in float32, pinned to one core, in a process of its own.
Before timing, each trains the epochs of the last table in the data's own order; a loss further than
{TOLERANCE:.0%} from PyTorch eager's is marked. Timed runs draw a new order each epoch and last at least
{SECONDS} s: whoever is done sooner trains more epochs in the same call, up to {MOST} times as many.
plaingrad is timed around the whole call of `fit`. scikit-learn's default penalty (1e-4 over the batch
size) is left out for all.

- PyTorch eager: the optimizer with `fused=True`, the fastest of its three forms; data shuffled once an epoch.
- torch.compile: loss, gradients (`torch.func`) and update in one compiled function, several times faster than
  compiling the usual loop's step; default mode, for the others concern GPUs.
- JAX: an epoch is one jitted `lax.scan` with optax; the data are permuted within, the parameters donated.
- scikit-learn: `MLPClassifier`, and for the squared error `MLPRegressor`.
- Keras: `model.fit` on JAX with `jit_compile=True` and up to 32 steps per execution."""
