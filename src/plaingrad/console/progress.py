"""The one progress line of everything that takes its time."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column

WIDE = 90  # characters of a terminal that has room for a bar
PATIENCE = 2.0  # seconds before a line that is shown late
INTERVAL = 0.1  # seconds between updates by whoever reports many small steps


def progress_line(console: Console, title: str, *, counted: bool = True, transient: bool = True) -> Progress:
    """A line with title, count, bar, times passed and left, and each task's description.

    Args:
        console: where to; nothing is shown if it is quiet or no terminal.
        title: stands before the count.
        counted: whether it is known how much there is to do.
        transient: whether the line disappears at the end.
    """
    shortened = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    return Progress(
        TextColumn(title, markup=False),
        *([MofNCompleteColumn()] if counted else []),
        *([BarColumn(bar_width=20)] if console.width >= WIDE else []),
        TimeElapsedColumn(),
        *([TimeRemainingColumn()] if counted else []),
        TextColumn("{task.description}", markup=False, table_column=shortened),
        expand=True,
        console=console,
        disable=console.quiet or not console.is_terminal,
        refresh_per_second=8,
        redirect_stdout=sys.stdout.isatty(),  # what goes into a file or a pipe stays there
        transient=transient,
    )


@contextmanager
def late_progress(console: Console, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show a line once the block has taken two seconds.

    Args:
        console: where to; nothing is shown if it is quiet or no terminal.
        title: stands before the count.
        total: how much there is to do; None if that is not known.

    Yields:
        A function that takes how much more is done.
    """
    line, begun, done = progress_line(console, title, counted=total is not None), time.monotonic(), 0
    task = line.add_task("", total=total)

    def advance(more: int) -> None:
        nonlocal done
        done += more
        if time.monotonic() - begun > PATIENCE and not line.live.is_started:
            line.start()
        line.update(task, completed=done, description="" if total is not None else f"{done:,}")

    try:
        yield advance
    finally:
        line.stop()
