"""A report on the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from plaingrad.tables.report.gradient_grid import gradient_importance_grid
from plaingrad.tables.report.grids import (
    Grid,
    classes_grid,
    errors_grid,
    importance_grid,
    scores_grid,
    search_grid,
    training_grid,
)

BAR = 24  # characters
MOST_CLASSES = 12  # of a confusion matrix that still fits


def drawn(grid: Grid) -> Group:
    """A table for rich, with title and note."""
    table = Table(box=box.SIMPLE_HEAD, show_header=any(grid.head), show_edge=False)
    for i, head in enumerate(grid.head):
        table.add_column(Text(head), justify="right" if i in grid.numbers else "left", overflow="fold")
    for _ in grid.bars:
        table.add_column("", no_wrap=True)
    for i, row in enumerate(grid.rows):
        bars = ["█" * round(BAR * lengths[i]) or "▏" for lengths in grid.bars.values()]
        table.add_row(*map(Text, row), *(Text(bar, style="blue") for bar in bars))
    return _titled(grid.title, table, grid.note)


def _titled(title: str, table: Table, note: str = "") -> Group:
    notes = [Padding(Text(note, style="dim"), (0, 1))] if note else []
    return Group(Text(f"\n{title}", style="bold"), table, *notes)


def confusion(test: Mapping[str, Any]) -> Group:
    """The number of rows of each true class, in lines, that were predicted as each class, in columns."""
    names = list(test["classes"])
    table = Table(box=box.SIMPLE_HEAD, show_edge=False)
    table.add_column("")
    for name in names:
        table.add_column(Text(name), justify="right", overflow="fold")
    for i, (name, counts) in enumerate(zip(names, test["confusion"])):
        styles = ["bold green" if i == j else "red" if count else "dim" for j, count in enumerate(counts)]
        cells = [Text(f"{n:,}" if n else "·", style=style) for n, style in zip(counts, styles)]
        table.add_row(Text(name), *cells)
    return _titled("Confusion: true classes at the left, predicted ones above", table)


def judgement(test: Mapping[str, Any]) -> Iterator[Group]:
    """Scores, and where predictions go wrong."""
    yield drawn(scores_grid(test))
    if "classes" in test:
        yield drawn(classes_grid(test))
        if len(test["classes"]) <= MOST_CLASSES:
            yield confusion(test)
    else:
        yield drawn(errors_grid(test["errors"]))


def report(data: Mapping[str, Any]) -> Iterator[Group]:
    """The tables that `plaingrad train` prints at the end."""
    if data.get("search"):
        yield drawn(search_grid(data["search"]))
    yield from judgement(data["test"])
    if data["importance"]["columns"]:
        yield drawn(importance_grid(data["importance"]))
    if data.get("gradient_importance"):
        yield drawn(gradient_importance_grid(data["gradient_importance"]))
    yield drawn(training_grid(data))
