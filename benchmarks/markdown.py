"""Tables of the results file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table, between empty lines."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(["", *(f"| {' | '.join(cells)} |" for cells in lines), ""])


def times(ratio: tuple[float, float, float]) -> str:
    """How many times faster: median and range."""
    middle, low, high = ratio
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def judged(ratio: tuple[float, float, float], bar: float | None, valid: bool = True) -> str:
    """How many times faster, and, if there is a bar, whether it was met."""
    if bar is None:
        return times(ratio)
    return f"{times(ratio)} / {bar:g}: {'met' if valid and ratio[0] >= bar else '**missed**'}"
