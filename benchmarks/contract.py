"""The cost of the contract: the guard around forward and backward, and a tensor kept in between.

Forward and backward do nothing but keep tensors and return what they got; everything else is the contract.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from functools import partial
from types import MethodType
from typing import Any

import torch
from rich.progress import track
from torch import Tensor

from benchmarks.extent import repetitions
from benchmarks.markdown import table
from benchmarks.measure import Timing, in_turn
from plaingrad import Module, nn

REPETITIONS = 41
PAIRS = 2000  # of a forward and its backward in one repetition
KEPT = (0, 1, 3)  # tensors
CALL_BAR = 0.3  # microseconds that the guard may take of one call
READS = "versions"
TENSOR_BAR = 0.15  # microseconds that a kept tensor may take of its forward and backward together

Methods = tuple[Callable[..., Any], Callable[..., Any]]


class Saving(Module):
    """A state that is saved and restored."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def forward(self, x: Tensor) -> Tensor:
        self.save(self.state, x)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


class Stacking(Saving):
    """A state in a list, where nothing checks it."""

    def __init__(self, state: Any) -> None:
        super().__init__(state)
        self.stack: list[Any] = []

    def forward(self, x: Tensor) -> Tensor:
        self.stack.append(self.state)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.stack.pop()
        return dy


class Composite(Module):
    """A module around another, which saves nothing itself, so that the guard notes each forward for it."""

    def __init__(self) -> None:
        self.inside = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def guarded(module: Module) -> Methods:
    """Forward and backward as they are called."""
    return module.forward, module.backward


def unguarded(module: Module) -> Methods:
    """Forward and backward as the class has written them."""
    kind: Any = type(module)
    return MethodType(kind.forward.__wrapped__, module), MethodType(kind.backward.__wrapped__, module)


def contenders() -> dict[str, Methods]:
    """Every form of every module: a list, save and restore without the guard, and with it."""
    methods = {"composite unguarded": unguarded(Composite()), "composite": guarded(Composite())}
    for kept in KEPT:
        tensors = tuple(torch.ones(3) for _ in range(kept))
        state = None if not tensors else tensors[0] if kept == 1 else tensors
        methods |= {
            f"{kept} in a list": unguarded(Stacking(state)),
            f"{kept} unguarded": unguarded(Saving(state)),
            f"{kept}": guarded(Saving(state)),
        }
    return methods


def pairs(forward: Callable[..., Any], backward: Callable[..., Any], recording: bool) -> None:
    """Many forwards, each with its backward, with PyTorch's recording on or off around them."""
    x = torch.ones(3)
    with torch.set_grad_enabled(recording):
        for _ in range(PAIRS):
            backward(forward(x))


def run(recording: bool) -> dict[str, Timing]:
    """Seconds for a forward with its backward, of all contenders in turn."""
    work = {name: partial(pairs, *methods, recording) for name, methods in contenders().items()}
    work[READS] = partial(reads, torch.ones(3), recording)
    return in_turn(work, PAIRS, repetitions(REPETITIONS), clock=time.thread_time)


def reads(tensor: Tensor, recording: bool) -> None:
    """What the check for changes in place cannot do without: a tensor's version, in save and in restore."""
    with torch.set_grad_enabled(recording):
        for _ in range(PAIRS):
            _ = tensor._version
            _ = tensor._version


def cost(timings: dict[str, Timing], *terms: tuple[str, float]) -> float:
    """A sum of timings with their factors, taken within each repetition; the median, in microseconds."""
    seconds = zip(*(timings[name].seconds for name, _ in terms))
    return 1e6 * statistics.median(sum(t * f for t, (_, f) in zip(each, terms)) for each in seconds)


def call(timings: dict[str, Timing], name: str) -> float:
    """The guard's part of one call, forward or backward."""
    return cost(timings, (name, 0.5), (f"{name} unguarded", -0.5))


def tensor(timings: dict[str, Timing], kept: int) -> float:
    """The part of one kept tensor in save and restore, beyond a place in a list."""
    each = 1 / kept
    return cost(
        timings,
        (f"{kept} unguarded", each),
        (f"{kept} in a list", -each),
        ("0 unguarded", -each),
        ("0 in a list", each),
    )


def report() -> str:
    """Markdown for the results file."""
    lines, floor = [], ""
    for recording in track((False, True), "contract", transient=True):
        timings = run(recording)
        floor = floor or timings[READS].in_microseconds()
        bars = (None, None) if recording else (CALL_BAR, TENSOR_BAR)
        for name in ("composite", *map(str, KEPT)):
            forms = [f"{name} in a list", f"{name} unguarded", name]
            kept = int(name) if name.isdigit() else 0
            lines.append(
                [
                    "on" if recording else "off",
                    name,
                    *(timings[form].in_microseconds() if form in timings else "" for form in forms),
                    within(call(timings, name), bars[0]),
                    within(tensor(timings, kept), bars[1]) if kept else "",
                ]
            )
    head = [
        "recording",
        "kept",
        "in a list",
        "saved",
        "saved and guarded",
        "guard, a call / bar",
        "a tensor / bar",
    ]
    return "\n".join(
        [
            "## The contract",
            "",
            "A forward and its backward that do nothing but keep tensors, in microseconds of the thread's",
            "time for both together, median (smallest to largest): the state in a plain list, in `save` and",
            "`restore`, and these with the guard that stands around every forward and backward. The",
            "composite keeps nothing and has a module inside. `fit` trains with PyTorch's recording off; a",
            "loop of one's own that leaves it on pays more, and has no bar. Of what a kept tensor costs,",
            f"{floor} is for reading its version twice, in an empty loop.",
            table(head, lines),
        ]
    )


def within(microseconds: float, bar: float | None) -> str:
    """A cost, and, if there is a bar, whether it keeps to it."""
    verdict = "" if bar is None else f" / {bar:g}: {'met' if microseconds <= bar else '**missed**'}"
    return f"{microseconds:.2f}{verdict}"
