"""The order of the mistakes that explain a gradient."""

from __future__ import annotations

from collections.abc import Iterable

from plaingrad.inspect.gradients.finding import Mistake
from plaingrad.inspect.gradients.naming.candidate import Candidate

MOST = 3


def ranked(candidates: Iterable[Candidate]) -> list[Mistake]:
    """The mistakes, the simplest first, each kind once, and not more than anybody reads."""
    by_kind: dict[str, Mistake] = {}
    for each in sorted(candidates, key=lambda each: each.price):
        by_kind.setdefault(each.mistake.kind, each.mistake)
    return list(by_kind.values())[:MOST]
