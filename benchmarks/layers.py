"""Forward and backward of layers and networks, eager, beside the same ones of torch.nn with autograd.

In float32, with equal weights, inputs and upstream gradients; both must give the same gradient of the input.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import torch
from rich.progress import track
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.extent import repetitions
from benchmarks.markdown import table
from benchmarks.measure import Timing, in_turn, ratio
from plaingrad import nn

OURS, THEIRS = "plaingrad, eager", "torch.nn, autograd"
REPETITIONS = 15
SECONDS = 0.1  # that one repetition lasts at least, about
MEMORY = 1.2  # times PyTorch's, at most


@dataclass(frozen=True)
class Row:
    """What is run; the bar is the most of PyTorch's time that plaingrad may take."""

    name: str
    make: Callable[[ModuleType], Any]
    size: tuple[int, ...]
    bar: float
    words: int = 0  # for inputs that are indices of so many words


def mlp(library: ModuleType, between: str = "") -> Any:
    norms = [getattr(library, between)(512)] if between else []
    hidden = [library.Linear(784, 512), *norms, library.ReLU()]
    return library.Sequential(*hidden, library.Linear(512, 512), library.ReLU(), library.Linear(512, 10))


def embedding(library: ModuleType) -> Any:
    return library.Sequential(library.Embedding(20_000, 64), library.Flatten(), library.Linear(20 * 64, 2))


def lenet(library: ModuleType) -> Any:
    return library.Sequential(
        library.Conv2d(1, 6, 5, padding=2),
        library.Tanh(),
        library.AvgPool2d(2),
        library.Conv2d(6, 16, 5),
        library.Tanh(),
        library.AvgPool2d(2),
        library.Flatten(),
        library.Linear(400, 120),
        library.Tanh(),
        library.Linear(120, 84),
        library.Tanh(),
        library.Linear(84, 10),
    )


def convolution(*arguments: Any, **options: Any) -> Callable[[ModuleType], Any]:
    return lambda library: library.Conv2d(*arguments, **options)


def transformer(library: ModuleType) -> Any:
    return library.TransformerEncoderLayer(128, 4, 512, dropout=0.0, batch_first=True)


ROWS = [
    Row("784-512-512-10, batch 128", mlp, (128, 784), 1.0),
    Row("784-512-512-10 with LayerNorm, batch 128", partial(mlp, between="LayerNorm"), (128, 784), 1.1),
    Row("784-512-512-10 with BatchNorm, batch 128", partial(mlp, between="BatchNorm1d"), (128, 784), 1.1),
    Row("embedding of 20,000 words, 256 x 20", embedding, (256, 20), 0.5, words=20_000),
    Row("LeNet, batch 64", lenet, (64, 1, 28, 28), 1.5),
    Row("convolution 1 to 6, 5x5, 64x28x28", convolution(1, 6, 5), (64, 1, 28, 28), 2.2),
    Row("convolution 6 to 16, 5x5, 64x14x14", convolution(6, 16, 5), (64, 6, 14, 14), 2.2),
    Row("convolution 3 to 32, 3x3, 16x64x64", convolution(3, 32, 3, padding=1), (16, 3, 64, 64), 2.2),
    Row("convolution 64 to 64, 3x3, 32x32x32", convolution(64, 64, 3, padding=1), (32, 64, 32, 32), 2.2),
    Row(
        "convolution 64 to 128, 3x3, stride 2, 16x56x56",
        convolution(64, 128, 3, stride=2, padding=1),
        (16, 64, 56, 56),
        2.2,
    ),
    Row("convolution 256 to 64, 1x1, 16x14x14", convolution(256, 64, 1), (16, 256, 14, 14), 3.2),
    Row(
        "depthwise convolution 64, 3x3, 16x32x32",
        convolution(64, 64, 3, padding=1, groups=64),
        (16, 64, 32, 32),
        1.0,
    ),
    Row("transformer encoder layer, 128 wide, 4 heads, 16 x 64 tokens", transformer, (16, 64, 128), 1.2),
    Row(
        "LSTM, hidden 64, 50 steps, batch 16",
        lambda library: library.LSTM(64, 64, batch_first=True),
        (16, 50, 64),
        6.5,
    ),
]


def contenders(row: Row) -> dict[str, Callable[[], Tensor]]:
    """Functions that run forward and backward once, and return the gradient of a parameter."""
    torch.manual_seed(0)
    theirs, ours = row.make(torch.nn), row.make(nn)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randint(row.words, row.size) if row.words else torch.randn(row.size)
    dy = torch.randn_like(first(theirs(x)))
    name = next(name for name, _ in theirs.named_parameters())
    parameters = dict(ours.named_parameters())

    def run_ours() -> Tensor:
        ours.zero_grad()
        with torch.no_grad():
            ours.forward(x)
            ours.backward(dy)
        return parameters[name].grad

    def run_theirs() -> Tensor:
        leaf = x if row.words else x.detach().requires_grad_()
        theirs.zero_grad()
        first(theirs(leaf)).backward(dy)
        return theirs.get_parameter(name).grad

    return {OURS: run_ours, THEIRS: run_theirs}


def first(outputs: Any) -> Tensor:
    return outputs[0] if isinstance(outputs, tuple) else outputs


def run(row: Row) -> dict[str, Timing]:
    """Time one row, after seeing that both give the same gradient."""
    work = contenders(row)
    ours, theirs = (each().clone() for each in work.values())
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4 * theirs.abs().max().item())
    begun = time.perf_counter()
    work[THEIRS]()
    calls = max(1, repetitions(int(SECONDS / (time.perf_counter() - begun))))

    def often(function: Callable[[], Tensor]) -> None:
        for _ in range(calls):
            function()

    repeated = {name: partial(often, each) for name, each in work.items()}
    return in_turn(repeated, calls, repetitions(REPETITIONS), clock=time.thread_time)


def memory(row: Row) -> list[float]:
    """The megabytes that a forward and its backward hold at most, ours and theirs.

    Counted are weights, their gradients and all that is allocated on the way, but not the input.
    """
    weights = sum(p.numel() * p.element_size() for p in row.make(torch.nn).parameters())
    held = {OURS: 2 * weights, THEIRS: weights}  # ours keeps its gradients from step to step
    return [(held[name] + _allocated(work)) / 2**20 for name, work in contenders(row).items()]


def _allocated(work: Callable[[], object]) -> int:
    """The bytes that PyTorch's allocator has out at most while something runs, beyond the least before.

    The least is after gradients of the call before were freed, whose sizes the profiler need not know.
    """
    work()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        work()
    events = profiled.profiler.kineto_results.events()  # type: ignore[union-attr]
    moments = sorted((e.start_ns(), e.nbytes()) for e in events if e.name() == "[memory]")
    held = list(itertools.accumulate((count for _, count in moments), initial=0))
    return max(now - least for now, least in zip(held, itertools.accumulate(held, min)))


def report() -> str:
    """Markdown for the results file."""
    lines = []
    for row in track(ROWS, "layers", transient=True):
        timings = run(row)
        middle, low, high = ratio(timings, OURS, THEIRS)
        times = (timing.in_microseconds() for timing in timings.values())
        taken = f"{middle:.2f} ({low:.2f} to {high:.2f}) / {row.bar}: {verdict(middle, row.bar)}"
        ours, theirs = memory(row)
        held = f"{ours:.1f} to {theirs:.1f}: {ours / theirs:.2f} / {MEMORY}: {verdict(ours / theirs, MEMORY)}"
        lines.append([row.name, *times, taken, held])
    return "\n".join(
        [
            "## Layers, eager",
            "",
            "Float32, one thread, forward and backward to the input and all parameters, gradients set to 0",
            "before; microseconds of processor time: median (smallest to largest). The ratio is taken pair",
            "by pair, and the bar is what it may be at most. Memory: megabytes that are allocated at most,",
            "with weights and gradients, ours to theirs.",
            "",
            table(["work", OURS, THEIRS, "ratio / bar", "memory / bar"], lines),
        ]
    )


def verdict(ratio: float, bar: float) -> str:
    return "met" if ratio <= bar else "**missed**"
