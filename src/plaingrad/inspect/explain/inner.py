"""The calls that happened inside another."""

from __future__ import annotations

from plaingrad.inspect.explain.selection import Selection
from plaingrad.inspect.record import Call


def inside(selected: Selection) -> list[Call]:
    """The calls that the selected one own itself, in the order in which they began."""
    calls, depth = selected.trace.calls, selected.call.depth
    own: list[Call] = []
    for each in calls[calls.index(selected.call) + 1 :]:
        if each.depth <= depth:
            break
        own += [each] if each.depth == depth + 1 else []
    return own
