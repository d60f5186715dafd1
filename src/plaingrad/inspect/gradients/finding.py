"""A finding of the gradient checker as data, and the kinds of mistakes by which it is named."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

KINDS = {
    "missing-upstream": "the upstream gradient is left out, everywhere or in one term",
    "passes-upstream": "the upstream gradient is handed on as it came",
    "wrong-sign": "the sign of the gradient, or of one of its terms, is turned",
    "wrong-factor": "off by a constant",
    "mean-for-sum": "averaged where it should be summed",
    "not-summed": "an axis over which forward broadcasts, or the batch, is not summed",
    "over-summed": "summed over more axes than it should be",
    "wrong-axis": "summed, averaged or normalised along another axis",
    "transposed": "an operand or the result is transposed",
    "swapped-factors": "the factors of a product are exchanged",
    "missing-factor": "a factor is left out",
    "missing-derivative": "a local derivative is left out, as if it were 1",
    "wrong-derivative": "a local derivative is that of another function",
    "wrong-derivative-argument": "the right derivative at the wrong argument",
    "missing-term": "a path from the output back is left out",
    "missing-constant": "a small constant of forward is forgotten",
    "overwrites": "a parameter's gradient is assigned, not added to",
    "duplicates-lost": "of repeated indices only one counts",
    "mutates": "a tensor that belongs to somebody else is changed in place",
    "stale-state": "the state of another forward is used",
    "redrawn": "random numbers are drawn anew instead of using those of forward",
    "returns-nothing": "no gradient is returned for an input that has one",
    "wrong-shape": "the gradient has another shape than what it belongs to",
    "not-finite": "NaN or infinity where the derivative is finite",
    "uses-autograd": "backward asks PyTorch's autograd",
    "endless": "does not end in time",
    "random-forward": "forward differs from call to call",
}


@dataclass(frozen=True)
class Mistake:
    """A likely reason for a finding.

    Attributes:
        kind: one of `KINDS`.
        where: the part of the code or the tensor that it concerns.
        words: the explanation for whoever wrote the backward, without a full stop.
    """

    kind: str
    where: str
    words: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.words}"


@dataclass
class GradientFinding:
    """Something that is wrong with a module, and the mistakes that explain it.

    Attributes:
        name: the input or parameter whose gradient is wrong; empty for a violation of the contract besides.
        problem: the observation, one sentence.
        index: the element with the worst error, or None.
        backward: what the backward gives there, or None.
        expected: what it should be, or None.
        mistakes: the likely reasons, the likeliest first; empty if nothing explains it.
    """

    name: str
    problem: str
    index: tuple[int, ...] | None = None
    backward: float | None = None
    expected: float | None = None
    mistakes: list[Mistake] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{self.problem} ({self.mistakes[0].words})" if self.mistakes else self.problem


def finite(value: float | None) -> float | None:
    """A number for a finding; None for NaN, which stands for no number."""
    return None if value is None or math.isnan(value) else value
