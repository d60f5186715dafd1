"""What checkpoints cost a run: the time that goes into them, beside all of it."""

from __future__ import annotations

import itertools
import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from unittest.mock import patch

import torch
from rich.progress import track

from benchmarks.extent import QUICK
from benchmarks.markdown import table
from plaingrad import data, fit, nn, optim
from plaingrad.train import History
from plaingrad.train.resume import session

SECONDS, EVERY = (0.5, 0.05) if QUICK else (60.0, 10.0)  # of a run, and from one checkpoint to the next
BAR = 1  # percent
Engine = Literal["native", "eager"]
RUNS: list[tuple[list[int], int, int, Engine]] = [
    ([2, 25, 25, 25, 2], 1000, 32, "native"),
    ([784, 128, 10], 5000, 64, "native"),
    ([784, 128, 10], 5000, 64, "eager"),
    ([784, 512, 512, 10], 60_000, 128, "native"),
]


def report() -> str:
    """Markdown for the results file."""
    rows = [_row(*run) for run in track(RUNS[:1] if QUICK else RUNS, "checkpoints", transient=True)]
    columns = ["network", "engine", "seconds", "checkpoints", "megabytes", "ms each", f"% / {BAR}"]
    return "\n".join(
        [
            "## Checkpoints",
            "",
            f"The share of a run's time that a checkpoint every {EVERY:g} s takes: the fingerprint of data",
            "and settings at the beginning, then each file with its fsync, and its removal. With Adam.",
            table(columns, rows),
        ]
    )


def _row(sizes: list[int], rows: int, batch_size: int, engine: Engine) -> list[str]:
    def run(epochs: int, folder: str | None) -> History:
        torch.manual_seed(0)
        layers: list[Any] = [nn.Linear(sizes[0], sizes[1])]
        for inputs, outputs in itertools.pairwise(sizes[1:]):
            layers += [nn.ReLU(), nn.Linear(inputs, outputs)]
        model = nn.Sequential(*layers)
        return fit(
            model, points, loss=nn.CrossEntropyLoss(), optimizer=optim.Adam(model.parameters(), lr=1e-4),
            epochs=epochs, batch_size=batch_size, seed=0, engine=engine, progress=False,
            checkpoint=folder, checkpoint_every=EVERY,
        )  # fmt: skip

    random = torch.Generator().manual_seed(0)
    inputs = torch.randn(rows, sizes[0], generator=random)
    points = data.Dataset(inputs, torch.randint(sizes[-1], (rows,), generator=random))
    epochs = math.ceil(SECONDS / min(run(5, None)["seconds"]))
    with tempfile.TemporaryDirectory() as folder, _watched() as (around, writing, sizes_written):
        start = time.perf_counter()
        run(epochs, str(Path(folder) / "run"))
        seconds = time.perf_counter() - start
    spent = sum(around) + sum(writing)
    count, each, megabytes = len(writing), sum(writing) / len(writing), sizes_written[-1] / 1e6
    percent = 100 * spent / (seconds - spent)
    verdict = "" if percent <= BAR else " **missed**"
    network = "-".join(map(str, sizes))
    return [
        f"{network}, {rows:,} rows", engine, f"{seconds:.0f}", str(count), f"{megabytes:.2f}",
        f"{1000 * each:.1f}", f"{percent:.2f}{verdict}",
    ]  # fmt: skip


@contextmanager
def _watched() -> Iterator[tuple[list[float], list[float], list[int]]]:
    """Watch what checkpoints do: the seconds of beginning and end, those of each file, and its bytes."""
    around: list[float] = []
    writing: list[float] = []
    sizes: list[int] = []

    def timed(seconds: list[float], function: Any) -> Any:
        def call(*args: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            result = function(*args, **keywords)
            seconds.append(time.perf_counter() - start)
            return result

        return call

    def remove(checkpoint: session.Checkpoint) -> None:
        sizes.append(checkpoint.path.stat().st_size)
        original(checkpoint)

    original = session.Checkpoint.remove
    with (
        patch.object(session, "fingerprint", timed(around, session.fingerprint)),
        patch.object(session.Checkpoint, "begin", timed(around, session.Checkpoint.begin)),
        patch.object(session.Checkpoint, "remove", timed(around, remove)),
        patch.object(session.Session, "_write", timed(writing, session.Session._write)),
    ):
        yield around, writing, sizes
