"""The progress line in a notebook, where a terminal's would print a heap of lines or none."""

from __future__ import annotations

import importlib
import io
import sys
import time
from typing import Any

from rich.console import Console
from rich.progress import Progress, TaskID

INTERVAL = 0.1  # seconds between updates


def in_notebook() -> bool:
    """True in a Jupyter kernel; IPython is not imported to find out."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class NotebookProgress(Progress):
    """One line below the cell that is updated in place: title, count, bar, times and description.

    It stays at the end. No widgets are needed, so that it is there in saved notebooks and on Colab as well.

    Args:
        title: stands before the count.
    """

    def __init__(self, title: str) -> None:
        super().__init__(console=Console(file=io.StringIO()), auto_refresh=False, disable=True)
        self.title = title
        self._handle: Any = None
        self._due = 0.0

    def start(self) -> None:
        """Show nothing yet: what is done before the first update stays without a line."""

    def stop(self) -> None:
        """Show the last state."""
        if self.tasks:
            self._show()

    def update(self, task_id: TaskID, **changes: Any) -> None:  # type: ignore[override]
        """Change the task, and show it unless that was done a moment ago."""
        super().update(task_id, **changes)
        if time.monotonic() >= self._due:
            self._show()
            self._due = time.monotonic() + INTERVAL

    def bundle(self) -> dict[str, str]:
        """The line as text, and as HTML with a bar."""
        from plaingrad.contract.html import escaped

        task = self.tasks[0]
        count = f"{task.completed:.0f}/{task.total:.0f}" if task.total else f"{task.completed:.0f}"
        passed, left = (minutes(task.elapsed), minutes(task.time_remaining))
        times = f"{passed} < {left}" if left and not task.finished else passed
        parts = [f"{self.title} {count}", times, task.description]
        bar = f'<progress value="{task.completed}" max="{task.total or 1}"></progress>'
        first, *others = (escaped(part) for part in parts if part)
        text = "&ensp;".join([first, bar, *others])
        style = "font: 13px/1.5 ui-monospace, monospace; white-space: nowrap"
        return {
            "text/plain": "  ".join(part for part in parts if part),
            "text/html": f'<div style="{style}">{text}</div>',
        }

    def _show(self) -> None:
        if self._handle is None:
            display = importlib.import_module("IPython.display").display  # a kernel has it
            self._handle = display(self.bundle(), raw=True, display_id=True)
        else:
            self._handle.update(self.bundle(), raw=True)


def minutes(seconds: float | None) -> str:
    """A time such as 0:07; nothing if it is not known."""
    return "" if seconds is None else f"{int(seconds) // 60}:{int(seconds) % 60:02}"
