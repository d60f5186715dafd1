"""What the contract costs: the guard around forward and backward for a call, save and restore for a tensor.

Forward and backward do nothing but keep tensors and return what they got, so that everything else is the contract.
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

REPETITIONS = 31
PAIRS = 5000  # of forward and backward in one repetition
CALL_BAR = 0.3  # microseconds that the guard may take of one call
TENSOR_BAR = 0.15  # and that a saved tensor may take of its forward and backward together


class Saving(Module):
    """Keeps a state as the contract wants it."""

    def __init__(self, state: Any) -> None:
        self.state = state

    def forward(self, x: Tensor) -> Tensor:
        self.save(self.state, x)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.restore(dy)
        return dy


class Stacking(Saving):
    """Keeps it in a list of its own, unchecked."""

    def __init__(self, state: Any) -> None:
        self.state, self.stack = state, []

    def forward(self, x: Tensor) -> Tensor:
        self.stack.append(self.state)
        return x

    def backward(self, dy: Tensor) -> Tensor:
        self.stack.pop()
        return dy


class Composite(Module):
    """Saves nothing itself, so the guard notes each forward for it."""

    def __init__(self) -> None:
        self.inside = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return x

    def backward(self, dy: Tensor) -> Tensor:
        return dy


def unguarded(module: Module) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Forward and backward of a module as its class has written them."""
    kind: Any = type(module)
    return MethodType(kind.forward.__wrapped__, module), MethodType(kind.backward.__wrapped__, module)


def pairs(recording: bool, forward: Callable[..., Any], backward: Callable[..., Any]) -> None:
    """Many forwards, each with its backward."""
    x = torch.ones(3)
    with torch.set_grad_enabled(recording):
        for _ in range(PAIRS):
            backward(forward(x))


def run(tensors: int, recording: bool = False) -> dict[str, Timing]:
    """Time a forward with its backward that keeps so many tensors, in three ways.

    Args:
        tensors: how many.
        recording: whether PyTorch's recording is on around it.
    """
    x = torch.ones(3)
    state = {0: None, 1: x}.get(tensors, (x,) * tensors)
    saving, stacking = Saving(state), Stacking(state)
    return _timed(
        recording,
        {
            "a list": unguarded(stacking),
            "save and restore": unguarded(saving),
            "guarded": (saving.forward, saving.backward),
        },
    )


def run_composite() -> dict[str, Timing]:
    """Time a forward with its backward that keeps nothing but has a module inside."""
    module = Composite()
    return _timed(False, {"a list": unguarded(module), "guarded": (module.forward, module.backward)})


def _timed(recording: bool, calls: dict[str, tuple[Callable[..., Any], Callable[..., Any]]]) -> dict[str, Timing]:
    work = {name: partial(pairs, recording, *methods) for name, methods in calls.items()}
    return in_turn(work, PAIRS, repetitions(REPETITIONS), clock=time.thread_time)


def difference(timings: dict[str, Timing], more: str, less: str) -> float:
    """The median difference within a repetition, in microseconds."""
    each = [a - b for a, b in zip(timings[more].seconds, timings[less].seconds)]
    return statistics.median(each) * 1e6


def report() -> str:
    """Markdown for the results file."""
    lines, bare = [], 0.0
    for recording in False, True:
        for tensors in track((0, 1, 3), "contract", transient=True):
            timings = run(tensors, recording)
            kept = difference(timings, "save and restore", "a list")
            bare = bare if tensors else kept
            lines.append(
                [
                    f"{tensors} tensors" + (", recording" if recording else ""),
                    *(timings[name].in_microseconds() for name in timings),
                    judged(difference(timings, "guarded", "save and restore") / 2, None if recording else CALL_BAR),
                    judged((kept - bare) / tensors, None if recording else TENSOR_BAR) if tensors else "",
                ]
            )
    timings = run_composite()
    cost = judged(difference(timings, "guarded", "a list") / 2, CALL_BAR)
    cells = [timings[name].in_microseconds() if name in timings else "" for name in ("a list", "save", "guarded")]
    lines.append(["a composite", *cells, cost, ""])
    head = ["kept", "in a list", "save and restore", "guarded", "the guard a call / bar", "a saved tensor / bar"]
    return "\n".join(
        [
            "## The contract",
            "",
            "A forward and its backward that do nothing but keep tensors, in microseconds for both together: the",
            "state in a list of their own, in save and restore, and the same with the guard around each of the two.",
            "Time of the thread. In the last rows PyTorch's recording is on, as it is in nobody's training but in",
            "loops of one's own without `torch.no_grad()`; those have no bar.",
            table(head, lines),
        ]
    )


def judged(microseconds: float, bar: float | None) -> str:
    """A cost, and, if there is a bar, whether it keeps to it."""
    verdict = "" if bar is None else f" / {bar:g}: {'met' if microseconds <= bar else '**missed**'}"
    return f"{microseconds:.3f}{verdict}"
