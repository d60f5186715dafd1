"""One network on several processes: an epoch of one and of two, what exchanges take, and how far it goes."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

from benchmarks.extent import QUICK, repetitions
from benchmarks.hosts import Host, joined, round_trip, variables
from benchmarks.isolated import limits
from benchmarks.markdown import table
from benchmarks.measure import Timing

ROWS, EPOCHS, SEEDS, BATCH = 262_000, 10, 5, 128
WIDTHS = [64, 32]
BAR_TIME, BAR_POINTS = 0.85, 0.2
SIZES = [1_000, 100_000, 1_000_000, 10_000_000]
EXCHANGES = 6  # in an epoch: losses, the form of the states, the network, counters, metrics, whether to end
NETWORKS = {"33-32-2": [32], "33-128-128-2": [128, 128], "33-1024-1024-2": [1024, 1024]}
PAPER_ROWS = 10_000_000
WORKERS = [1, 2, 4, 16, 64, 256, 1000]
DELAY = 1e-3  # of a message between two machines, one way, beside what loopback takes


def report() -> str:
    """Markdown for the results file."""
    return "\n".join([*_two_processes(), *_exchanges_and_model(), *_three_hosts()])


def run(action: str, processes: int, hosts: Sequence[Host] = (), **request: Any) -> Any:
    """The result of some processes, started by torchrun; or of one on each host."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "result.json"
        text = json.dumps({"action": action, "path": str(path), **request})
        program = ["-m", "benchmarks.ranks_process", text]
        launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
        if hosts:
            starting = [
                host.call(_start, program, **variables(hosts, rank)) for rank, host in enumerate(hosts)
            ]
        else:
            starting = [_start([*launcher, *program])]
        errors = [process.communicate()[1] for process in starting]
        if any(process.returncode for process in starting):
            raise RuntimeError("".join(errors).strip().splitlines()[-1])
        return json.loads(path.read_text(encoding="utf-8"))


def _start(arguments: list[str], **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**os.environ, **limits(1), **variables},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def _two_processes() -> list[str]:
    settings = {
        "rows": 2000 if QUICK else ROWS,
        "epochs": 2 if QUICK else EPOCHS,
        "widths": WIDTHS,
        "batch_size": BATCH,
    }
    results: dict[int, list[Any]] = {1: [], 2: []}
    for seed in track(range(repetitions(SEEDS)), "ranks", transient=True):
        for processes, runs in results.items():
            runs.append(run("train", processes, seed=seed, **settings))
    seconds = {n: Timing([each["seconds"] for each in runs]) for n, runs in results.items()}
    accuracy = {n: np.array([each["accuracy"] for each in runs]) for n, runs in results.items()}
    ratios = [b / a for a, b in zip(seconds[1].seconds, seconds[2].seconds)]
    ratio, loss = statistics.median(ratios), float((accuracy[1] - accuracy[2]).mean())
    rows = [
        [f"{n}", seconds[n].in_seconds(), f"{each.mean():.4f} ({each.min():.4f} to {each.max():.4f})"]
        for n, each in accuracy.items()
    ]
    return [
        "## Several processes",
        "",
        f"{settings['rows']:,} rows x 33, a network 33-64-32-2, Adam, batches of {BATCH} in each process,",
        f"the native engine on one thread in each, `Average(every=1)`, {settings['epochs']} epochs,",
        f"{len(ratios)} seeds of rows and network in turns: seconds an epoch, and the accuracy on a fifth as",
        "many other rows, mean (lowest to highest).",
        table(["processes", "seconds an epoch", "accuracy"], rows),
        f"Two take {ratio:.2f} ({min(ratios):.2f} to {max(ratios):.2f}) of the time of one"
        f" ({_verdict(ratio, BAR_TIME)}), and lose {100 * loss:.2f} points of accuracy"
        f" ({_verdict(100 * loss, BAR_POINTS)}).",
    ]


def _verdict(value: float, bar: float) -> str:
    return f"bar {bar:g}: {'met' if value <= bar else '**missed**'}"


def _exchanges_and_model() -> list[str]:
    sizes = SIZES[:2] if QUICK else SIZES
    taken = run("exchange", 2, sizes=sizes, repetitions=repetitions(51))
    timings = {int(size): Timing(each) for size, each in taken.items()}
    latency = timings[sizes[0]].median / 2
    bandwidth = sizes[-1] / timings[sizes[-1]].median
    networks = dict(list(NETWORKS.items())[: 1 if QUICK else None])
    rows = []
    for name, widths in track(networks.items(), "ranks, paper", transient=True):
        size = 2000 if QUICK else 26_000
        one = run("train", 1, rows=size, seed=0, epochs=2 if QUICK else 3, widths=widths, batch_size=BATCH)
        step = one["seconds"] / one["steps"]
        for delay, where in ((0.0, "loopback"), (DELAY, "machines")):
            cells = [f"{_epoch(step, one['parameters'], n, latency + delay, bandwidth):.3g}" for n in WORKERS]
            rows.append([f"{name}, {where}", f"{step * 1e6:.3g}", *cells])
    exchanges = [[f"{size:,}", timing.in_microseconds()] for size, timing in timings.items()]
    return [
        "",
        "An all-reduce of two processes through gloo on loopback: median (smallest to largest).",
        table(["bytes", "microseconds"], exchanges),
        f"On paper: seconds an epoch of {PAPER_ROWS:,} rows, batches of {BATCH} in each of W processes with",
        f"a core each. Then there are {EXCHANGES} exchanges, one of them of parameters and Adam's states:",
        f"W - 1 messages there and W - 1 back, {latency * 1e6:.0f} us each, between machines",
        f"{DELAY * 1e3:g} ms more, at {bandwidth / 1e6:.0f} MB/s.",
        table(["network", "us a step", *(f"W = {n:,}" for n in WORKERS)], rows),
    ]


def _three_hosts() -> list[str]:
    """How much longer an epoch takes where three processes are on three hosts; nothing where none may be."""
    request = {
        "rows": 2000,
        "seed": 0,
        "epochs": 2 if QUICK else 50,
        "widths": WIDTHS,
        "batch_size": BATCH,
    }
    near, far = [], []
    try:
        with joined(3, 0.0) as close, joined(3, DELAY) as distant:
            for _ in range(repetitions(3)):
                near.append(run("train", 3, close, **request)["seconds"])
                far.append(run("train", 3, distant, **request)["seconds"])
            trip = statistics.median(round_trip(distant[0], distant[1]) for _ in range(repetitions(51)))
    except OSError as error:
        return ["", f"Not measured, three hosts: {error}."]
    longer = [1e3 * (b - a) for a, b in zip(near, far)]
    messages = 2 * (3 - 1) * EXCHANGES
    return [
        "",
        "Three processes on three hosts, which are networks of this machine that a relay joins. With",
        f"{DELAY * 1e3:g} ms more from one to another ({trip * 1e3:.1f} ms there and back) an epoch takes",
        f"{statistics.median(longer):.0f} ms ({min(longer):.0f} to {max(longer):.0f}) longer;"
        f" {messages} messages of {DELAY * 1e3:g} ms are {messages * DELAY * 1e3:.0f} ms.",
        "",
    ]


def _epoch(step: float, parameters: int, workers: int, latency: float, bandwidth: float) -> float:
    r"""The seconds of an epoch: steps of one process, and the exchanges of a ring after them.

    .. math::
        T(W) = \frac{N}{W B}\, t_\text{step} + 2 (W - 1) \Big(e\, \alpha + \frac{3 \cdot 4 P}{W \beta}\Big)

    for N rows in batches of B, P parameters (and twice as many numbers of Adam's state), e exchanges of
    latency alpha for each message, and beta bytes a second.
    """
    training = PAPER_ROWS / workers / BATCH * step
    messages = 2 * (workers - 1)
    return training + messages * (EXCHANGES * latency + 12 * parameters / workers / bandwidth)
