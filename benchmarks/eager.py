"""A training step of the eager engine beside the same step in torch.nn, autograd and torch.optim.

The paper's network (2-25-25-25-2, ReLU, MSE, SGD) on its disc set, in float32, from equal weights, over equal
batches in equal order, so both must reach the same loss.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import torch
from rich.progress import track

from benchmarks.measure import Timing, in_turn, ratio
from plaingrad import data, fit, nn, optim

SIZES = [2, 25, 25, 25, 2]
LEARNING_RATE = 0.1
SAMPLES = 1000
BAR = 0.45


def network(library: object) -> object:
    """The paper's network out of the layers of ``plaingrad.nn`` or ``torch.nn``."""
    layers = []
    for inputs, outputs in itertools.pairwise(SIZES):
        layers += [library.Linear(inputs, outputs), library.ReLU()]
    return library.Sequential(*layers[:-1])


def contenders(batch_size: int, epochs: int) -> tuple[dict[str, Callable[[], float]], int]:
    """Functions that train from one start and return the last epoch's loss, and their number of steps."""
    train = data.standardized(data.disc(SAMPLES, seed=0))[0].one_hot()
    torch.manual_seed(0)
    start = network(torch.nn).state_dict()

    def plaingrad_eager() -> float:
        model = network(nn)
        model.load_state_dict(start)
        history = fit(
            model,
            train,
            loss=nn.MSELoss(),
            optimizer=optim.SGD(model.parameters(), lr=LEARNING_RATE),
            epochs=epochs,
            batch_size=batch_size,
            shuffle=False,
            engine="eager",
            progress=False,
        )
        return history.loss[-1]

    def pytorch(**implementation: bool) -> float:
        model, criterion = network(torch.nn), torch.nn.MSELoss()
        model.load_state_dict(start)
        optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, **implementation)
        for _ in range(epochs):
            total = torch.zeros(())
            for x, t in zip(train.inputs.split(batch_size), train.targets.split(batch_size)):
                optimizer.zero_grad()
                loss = criterion(model(x), t)
                loss.backward()
                optimizer.step()
                total += loss.detach() * len(x)
        return total.item() / SAMPLES

    return {
        "plaingrad, eager": plaingrad_eager,
        "torch.nn, SGD": pytorch,
        "torch.nn, SGD(foreach=True)": lambda: pytorch(foreach=True),
        "torch.nn, SGD(fused=True)": lambda: pytorch(fused=True),
    }, epochs * math.ceil(SAMPLES / batch_size)


def run(batch_size: int) -> dict[str, Timing]:
    """Time one batch size, after seeing that all contenders reach the same loss."""
    work, steps = contenders(batch_size, epochs=max(1, min(20, batch_size)))
    losses = {name: train() for name, train in work.items()}
    if max(losses.values()) > min(losses.values()) * 1.001:
        raise AssertionError(f"the contenders do not do the same work: {losses}")
    return in_turn(work, steps)


def report() -> str:
    """Markdown for the results file."""
    lines = [
        "## Eager training step",
        "",
        f"The paper's network ({'-'.join(map(str, SIZES))}, ReLU, MSE, SGD), float32, one thread, in",
        "microseconds a step: median (smallest to largest). The ratio is to the fastest of the three PyTorch",
        "forms, pair by pair, and the bar is what it may be at most.",
        "",
        "| batch | " + " | ".join(contenders(1, 1)[0]) + " | ratio | bar |",
        "|---|---|---|---|---|---|---|",
    ]
    for batch_size in track((1, 32, 100), "eager step", transient=True):
        timings = run(batch_size)
        ours, *peers = timings
        fastest = min(peers, key=lambda name: timings[name].median)
        middle, low, high = ratio(timings, ours, fastest)
        bar = f"{BAR}: {'met' if middle <= BAR else 'missed'}" if batch_size == 1 else ""
        cells = [str(batch_size), *(timing.in_microseconds() for timing in timings.values())]
        cells += [f"{middle:.2f} ({low:.2f} to {high:.2f})", bar]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, ""])
