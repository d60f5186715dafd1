"""A limit on the time that a forward or a backward may take."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Overtime(BaseException):
    """Raised inside a call that does not end; no `Exception`, so that the call's own handlers let it pass."""


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise `Overtime` in the code inside that is still running after this time.

    A thread that watches the clock raises it between two instructions of the interpreter; a single operation
    that is running is not cut short.
    """
    thread = ctypes.c_ulong(threading.get_ident())
    lock, ended = threading.Lock(), threading.Event()

    def watch() -> None:
        wait = seconds
        while not ended.wait(wait):
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
