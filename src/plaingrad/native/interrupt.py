"""Ctrl-C that lets the current epoch finish."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType


class Interrupt:
    """While entered, takes note of the first Ctrl-C; the second one does what Ctrl-C did before.

    Only the main thread can handle signals; elsewhere this does nothing.

    Args:
        message: printed at the first one; none if empty.

    Attributes:
        requested: whether Ctrl-C was pressed.
    """

    def __init__(self, message: str = "finishing this epoch; Ctrl-C again stops at once") -> None:
        self.message, self.requested = message, False

    def __enter__(self) -> Interrupt:
        self._previous = None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(signal.SIGINT)
        if callable(self._previous):  # neither ignored on purpose nor handled outside Python
            signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if callable(self._previous):
            signal.signal(signal.SIGINT, self._previous)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            if self.message:  # print is not re-entrant, and a handler may come in the middle of one
                os.write(2, f"\n{self.message}\n".encode())
        elif callable(self._previous):
            self._previous(number, frame)
