"""A finding: something that keeps a network from learning, as data and in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from plaingrad.inspect.health.thresholds import LASTING


@dataclass(frozen=True)
class HealthFinding:
    """Something that keeps a network from learning.

    Attributes:
        kind: "dead-units", "saturated-units", "vanishing-gradient", "exploding-gradient",
            "update-too-large", "update-too-small", "no-gradient", "constant-output", "loss-not-falling",
            "not-finite" or "diverged".
        path: the module's path in the network, as in `Call.path`; "" for the network, "loss" for the loss.
        epoch: the epoch after which it was first so, counted from 1; 0 before training, None for the record
            of a single step.
        value: the latest value of what was measured, such as the share of dead units.
        words: a sentence with the module, the number and what helps.
        until: the last epoch of it, if it was over by the end; else None.
    """

    kind: str
    path: str
    epoch: int | None
    value: float
    words: str
    until: int | None = None

    def __str__(self) -> str:
        return self.words


class Problem(NamedTuple):
    """A finding in one record, before it is known how long it lasted.

    Attributes:
        kind: as in `HealthFinding`.
        path: as in `HealthFinding`.
        value: as in `HealthFinding`.
        name: the module as errors write it, "Sequential[2] ReLU()"; may be empty.
        what: the first part of the sentence, after which the epochs stand.
        more: the rest of it, with the remedy.
    """

    kind: str
    path: str
    value: float
    name: str
    what: str
    more: str

    def lasting(self, epoch: int | None, until: int | None = None) -> HealthFinding:
        """The finding that it is, from one epoch until another."""
        what = f"{self.name}: {self.what}" if self.name else self.what[:1].upper() + self.what[1:]
        words = f"{what}{period(epoch, until)}{self.more}"
        return HealthFinding(self.kind, self.path, epoch, self.value, words, until)


def period(epoch: int | None, until: int | None) -> str:
    """The epochs of a finding in words."""
    if epoch is None:
        return ""
    if until is None:
        return f" since epoch {epoch}" if epoch else " from the start"
    return f" from epoch {epoch} to {until}" if epoch else f" until epoch {until}"


def over_time(epochs: Sequence[tuple[int | None, Sequence[Problem]]]) -> list[HealthFinding]:
    """The findings of a run: the latest period of each, if it lasted to the end or for several epochs.

    Args:
        epochs: each recorded epoch with its problems, in order.
    """
    periods: dict[tuple[str, str], list[int]] = {}
    latest: dict[tuple[str, str], Problem] = {}
    for i, (_, problems) in enumerate(epochs):
        for problem in problems:
            key = problem.kind, problem.path
            before = periods.get(key, [])
            periods[key] = [*before, i] if before and before[-1] == i - 1 else [i]
            latest[key] = problem
    findings = []
    for key, indices in periods.items():
        first, last = indices[0], indices[-1]
        if last == len(epochs) - 1:
            findings.append(latest[key].lasting(epochs[first][0]))
        elif len(indices) >= LASTING:
            findings.append(latest[key].lasting(epochs[first][0], epochs[last][0]))
    return findings
