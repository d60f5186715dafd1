"""A training step of the eager engine beside the same step in torch.nn, autograd and torch.optim.

In float32, from equal weights, over equal batches in equal order, so all must reach the same loss.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from benchmarks.extent import repetitions
from benchmarks.markdown import table
from benchmarks.measure import REPETITIONS, Timing, in_turn, ratio
from benchmarks.workloads import PAPER, TABLE
from plaingrad import data, fit, nn, optim


def paper(library: ModuleType) -> Any:
    """The paper's network out of the layers of ``plaingrad.nn`` or ``torch.nn``."""
    return _network(library, PAPER)


def normalized(library: ModuleType) -> Any:
    """A network for tables, with BatchNorm after each hidden layer."""
    return _network(library, TABLE, library.BatchNorm1d)


def _network(library: ModuleType, sizes: tuple[int, ...], *between: Callable[[int], Any]) -> Any:
    layers = []
    for inputs, outputs in itertools.pairwise(sizes):
        layers += [library.Linear(inputs, outputs), *(make(outputs) for make in between), library.ReLU()]
    return library.Sequential(*layers[: -1 - len(between)])


def points() -> tuple[Tensor, Tensor]:
    """The paper's points, and their classes as rows of zeros with a one."""
    train = data.standardized(data.disc(1000, seed=0))[0].one_hot()
    return train.inputs, train.targets


def noise() -> tuple[Tensor, Tensor]:
    """2,048 rows and their classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(2048, TABLE[0], generator=generator)
    return x, x[:, : TABLE[-1]].argmax(1)


@dataclass(frozen=True)
class Row:
    """What is trained; the bar is the most of PyTorch's time that plaingrad may take."""

    name: str
    make: Callable[[ModuleType], Any]
    data: Callable[[], tuple[Tensor, Tensor]]
    loss: str
    rule: str
    lr: float
    batch_size: int
    epochs: int
    bar: float | None = None


ROWS = [
    Row("paper's network, batch 1", paper, points, "MSELoss", "SGD", 0.1, 1, 1, 0.48),
    Row("paper's network, batch 32", paper, points, "MSELoss", "SGD", 0.1, 32, 20),
    Row("paper's network, batch 100", paper, points, "MSELoss", "SGD", 0.1, 100, 20),
    Row(
        "54-128-64-7 with BatchNorm, batch 256",
        normalized,
        noise,
        "CrossEntropyLoss",
        "Adam",
        1e-3,
        256,
        5,
        1.1,
    ),
]
OURS = "plaingrad, eager"
IMPLEMENTATIONS: dict[str, dict[str, bool]] = {
    "torch.nn": {},
    "torch.nn, foreach": {"foreach": True},
    "torch.nn, fused": {"fused": True},
}


def contenders(row: Row) -> dict[str, Callable[[], float]]:
    """Functions that train from one start and return the last epoch's loss."""
    x, t = row.data()
    torch.manual_seed(0)
    start = row.make(torch.nn).state_dict()
    return {
        OURS: partial(_ours, row, x, t, start),
        **{name: partial(_theirs, row, x, t, start, how) for name, how in IMPLEMENTATIONS.items()},
    }


def _ours(row: Row, x: Tensor, t: Tensor, start: dict[str, Tensor]) -> float:
    model = row.make(nn)
    model.load_state_dict(start)
    history = fit(
        model,
        (x, t),
        loss=getattr(nn, row.loss)(),
        optimizer=getattr(optim, row.rule)(model.parameters(), lr=row.lr),
        epochs=row.epochs,
        batch_size=row.batch_size,
        shuffle=False,
        engine="eager",
        progress=False,
    )
    return history.loss[-1]


def _theirs(row: Row, x: Tensor, t: Tensor, start: dict[str, Tensor], how: dict[str, bool]) -> float:
    model, criterion = row.make(torch.nn), getattr(torch.nn, row.loss)()
    model.load_state_dict(start)
    optimizer = getattr(torch.optim, row.rule)(model.parameters(), lr=row.lr, **how)
    for _ in range(row.epochs):
        total = torch.zeros(())
        for batch, target in zip(x.split(row.batch_size), t.split(row.batch_size)):
            optimizer.zero_grad()
            loss = criterion(model(batch), target)
            loss.backward()
            optimizer.step()
            total += loss.detach() * len(batch)
    return total.item() / len(x)


def run(row: Row) -> dict[str, Timing]:
    """Time one row, after seeing that all contenders reach the same loss."""
    work = contenders(row)
    losses = {name: train() for name, train in work.items()}
    if max(losses.values()) > min(losses.values()) * 1.001:
        raise AssertionError(f"the contenders do not do the same work: {losses}")
    steps = row.epochs * -(-len(row.data()[0]) // row.batch_size)
    return in_turn(work, steps, repetitions(REPETITIONS))


def report() -> str:
    """Markdown for the results file."""
    lines = []
    for row in track(ROWS, "eager step", transient=True):
        timings = run(row)
        fastest = min(IMPLEMENTATIONS, key=lambda name: timings[name].median)
        middle, low, high = ratio(timings, OURS, fastest)
        bar = "" if row.bar is None else f" / {row.bar}: {'met' if middle <= row.bar else '**missed**'}"
        times = (timing.in_microseconds() for timing in timings.values())
        lines.append([row.name, *times, f"{middle:.2f} ({low:.2f} to {high:.2f}){bar}"])
    return "\n".join(
        [
            "## Eager training step",
            "",
            "Float32, one thread, ReLU; the paper's network with MSE and SGD, the other with cross-entropy",
            "and Adam; in microseconds a step: median (smallest to largest). The ratio is to the fastest of",
            "the three forms of PyTorch's optimizer, pair by pair, and the bar is what it may be at most.",
            table(["work", OURS, *IMPLEMENTATIONS, "ratio / bar"], lines),
        ]
    )
