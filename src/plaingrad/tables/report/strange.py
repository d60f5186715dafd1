"""Warnings of cells that are not what their column held in training."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from plaingrad.console.output import Reporter
from plaingrad.tables.columns.strange import MOST_VALUES, UNSEEN, StrangeCounts


def warned(strange: StrangeCounts, reporter: Reporter) -> dict[str, list[dict[str, Any]]]:
    """Warn of such cells, in a line for each column, and return the same for a program.

    Returns:
        Under "unseen" the columns with levels that were not seen in training, under "misfits" those with
        cells that are no number, date or truth value.
    """
    reported: dict[str, list[dict[str, Any]]] = {"unseen": [], "misfits": []}
    for cells in strange:
        reporter.warn(str(cells))
        fields = {**asdict(cells), "values": list(cells.values)[:MOST_VALUES]}
        is_unseen = fields.pop("problem") == UNSEEN
        reported["unseen" if is_unseen else "misfits"].append(fields)
    return reported
