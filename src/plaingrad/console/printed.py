"""Tables and the like that rich draws, as text."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

WIDTH = 160  # of tables, whose numbers do not wrap


def printed(drawn: Any, *, soft_wrap: bool = False) -> str:
    """The lines of a table or of several things; in a notebook too, where rich would show them by itself.

    Args:
        drawn: what rich can draw.
        soft_wrap: whether long lines of text stay lines.
    """
    written = io.StringIO()
    Console(file=written, width=WIDTH, force_jupyter=False).print(drawn, soft_wrap=soft_wrap)
    return "\n".join(line.rstrip() for line in written.getvalue().splitlines())


def table_of_numbers(title: str, headings: Sequence[str]) -> Table:
    """A table without rows, of names in the first column and numbers in the others.

    Names alone may take several lines: a number that is cut short is another.
    """
    drawn = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for i, heading in enumerate(headings):
        drawn.add_column(heading, justify="right" if i else "left", no_wrap=i > 0, overflow="fold")
    return drawn
