"""Ctrl-C and SIGTERM that let the current epoch finish."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interrupt:
    """While entered, notes the first Ctrl-C; the second one does what Ctrl-C did before.

    Only the main thread can handle signals; elsewhere this does nothing.

    Args:
        message: printed at the first one; none if empty.

    Attributes:
        requested: whether Ctrl-C was pressed.
    """

    number = signal.SIGINT

    def __init__(self, message: str = "finishing this epoch; Ctrl-C again stops at once") -> None:
        self.message, self.requested = message, False

    def __enter__(self) -> Self:
        self._previous: Any = None
        if threading.current_thread() is threading.main_thread():
            self._previous = signal.getsignal(self.number)
        self._is_noted = self._replaces(self._previous)
        if self._is_noted:
            signal.signal(self.number, self._note)
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._is_noted:
            signal.signal(self.number, self._previous)

    def _replaces(self, handler: Any) -> bool:
        return callable(handler)  # neither ignored on purpose nor handled outside Python

    def _note(self, number: int, frame: FrameType | None) -> None:
        if not self.requested:
            self.requested = True
            if self.message:  # print is not re-entrant, and a handler may come in the middle of one
                os.write(2, f"\n{self.message}\n".encode())
        else:
            self._repeat(frame)

    def _repeat(self, frame: FrameType | None) -> None:
        self._previous(self.number, frame)


class Termination(Interrupt):
    """While entered, notes the first SIGTERM; the second one does what the first would have done before.

    A handler of the program's own stays, unless it has an attribute ``gives_way``, as that of the command
    line.
    """

    number = signal.SIGTERM

    def __init__(self, message: str = "finishing this epoch; a second SIGTERM stops at once") -> None:
        super().__init__(message)

    def _replaces(self, handler: Any) -> bool:
        return handler is signal.SIG_DFL or hasattr(handler, "gives_way")

    def _repeat(self, frame: FrameType | None) -> None:
        signal.signal(self.number, self._previous)
        os.kill(os.getpid(), self.number)
