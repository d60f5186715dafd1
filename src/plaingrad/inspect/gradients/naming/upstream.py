"""The backward as a function of the upstream gradient: it should be linear."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from plaingrad.inspect.gradients.naming import runs
from plaingrad.inspect.gradients.naming.candidate import Candidate, candidate, same
from plaingrad.inspect.gradients.tested import ModuleUnderTest


class Linearity:
    """The gradients for the upstream gradient times 0 and times 2.

    Args:
        under_test: the module.
        dys: the upstream gradients.
    """

    def __init__(self, under_test: ModuleUnderTest, dys: Sequence[Tensor | None]) -> None:
        self.zero = self.double = None
        if not under_test.takes_upstream:
            return
        try:
            self.zero = runs.gradients(under_test, [None if dy is None else 0 * dy for dy in dys])
            self.double = runs.gradients(under_test, [None if dy is None else 2 * dy for dy in dys])
        except Exception:
            return

    def ignored(self, name: str, ours: Tensor) -> bool:
        """True if a gradient is the same whatever the upstream gradient."""
        double = None if self.double is None else self.double.get(name)
        return double is not None and same(ours, double) and bool(ours.any())

    def candidates(self, name: str, ours: Tensor) -> Iterator[Candidate]:
        """The mistakes that show in how a gradient depends on the upstream gradient."""
        if self.zero is None or self.double is None:
            return
        zero, double = self.zero.get(name), self.double.get(name)
        if zero is None or double is None or zero.shape != ours.shape or double.shape != ours.shape:
            return
        finite = bool(zero.isfinite().all() and double.isfinite().all())
        if same(ours, double) and finite and bool(ours.any()):
            words = "the upstream gradient is ignored: the same gradient comes out whatever comes in"
            yield candidate(0.2, "missing-upstream", name, words)
        elif finite and bool((zero.abs() > 1e-9).any()) and same(double - ours, ours - zero):
            words = "one term lacks the upstream gradient: where that is 0, the gradient is not"
            yield candidate(0.35, "missing-upstream", name, words)
        elif finite and not same(double, 2 * ours):
            words = (
                "the gradient is not proportional to the upstream gradient: something is computed at the "
                "upstream gradient that belongs to forward's input or output"
            )
            yield candidate(3.8, "wrong-derivative-argument", name, words)


def of_samples(dys: Sequence[Tensor | None], sample: int) -> list[Tensor | None]:
    """The upstream gradients with all samples but one put to zero."""

    def alone(dy: Tensor) -> Tensor:
        rest = torch.zeros_like(dy)
        if dy.ndim and -len(dy) <= sample < len(dy):
            rest[sample] = dy[sample]
        return rest

    return [None if dy is None else alone(dy) for dy in dys]


def parts_of(dys: Sequence[Tensor | None]) -> Iterator[tuple[str, list[Tensor | None]]]:
    """The upstream gradients with all but a part put to zero: one output, or one end of an axis of one."""
    several = sum(dy is not None for dy in dys) > 1
    for number, dy in enumerate(dys):
        if dy is None:
            continue
        zeros = [None if each is None else torch.zeros_like(each) for each in dys]
        of_output = f" of output {number}" if several else ""
        if several:
            yield f"output {number}", [*zeros[:number], dy, *zeros[number + 1 :]]
        for axis, size in enumerate(dy.shape):
            for index in (0, size - 1) if size > 1 else ():
                part = torch.zeros_like(dy)
                part.select(axis, index).copy_(dy.select(axis, index))
                text = f"index {index} along axis {axis} of the upstream gradient{of_output}"
                yield text, [*zeros[:number], part, *zeros[number + 1 :]]
