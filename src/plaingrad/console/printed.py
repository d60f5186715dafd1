"""Tables and the like that rich draws, as text."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

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
