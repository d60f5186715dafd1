"""A limit on the time that a forward or a backward may take."""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Overtime(BaseException):
    """Raised inside a call that does not end; no `Exception`, so that the call's own handlers let it pass."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `Overtime` in the code inside that is still running after this time.

    A thread that watches the clock raises it between two instructions of the interpreter; a single operation
    that is running is not cut short. Nor is an import, after which the clock starts anew: half of a module
    would stay behind.
    """
    ident, around = threading.get_ident(), sys._getframe(2)  # past contextlib
    thread = ctypes.c_ulong(ident)
    lock, ended = threading.Lock(), threading.Event()

    def watch() -> None:
        wait = seconds
        while not ended.wait(wait):
            if is_importing(ident, around):
                wait = seconds
                continue
            with lock:
                if not ended.is_set():
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(Overtime))
            wait = 0.5  # and again, should the code have swallowed it

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        with lock:
            ended.set()
            ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, None)  # should one be on its way


def is_importing(thread: int, around: FrameType) -> bool:
    """True if an import is running in this thread, within the code of that frame."""
    frame = sys._current_frames().get(thread)
    while frame is not None and frame is not around:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            return True
        frame = frame.f_back
    return False
