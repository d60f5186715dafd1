"""A last resort against code that does not end and cannot be interrupted."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def abandoned_after(seconds: float, last_words: Callable[[], None]) -> Iterator[None]:
    """End the whole process, with exit code 1, if the code inside takes longer than this.

    Args:
        seconds: the time that it may take.
        last_words: called before the process ends, to print what is to be said.
    """

    def leave() -> None:
        last_words()
        sys.stdout.flush()
        os._exit(1)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
