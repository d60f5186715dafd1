"""The end of the process, once a command is done."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def leave(code: int) -> NoReturn:
    """End the process after all that Python does at its exit but the taking down of the interpreter.

    Libraries have threads of their own. Arrow reads ahead in one, which it does not end when it refuses a
    file, and a thread that lets go of a Python object while the interpreter is taken down aborts the process.
    The taking down frees memory alone, for most of a second.

    Args:
        code: of the exit.
    """
    if sys.gettrace() or sys.getprofile():  # a debugger or profiler has something to say afterwards
        sys.exit(code)
    threading._shutdown()  # type: ignore[attr-defined]  # waits for threads, and ends pools of them
    atexit._run_exitfuncs()
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    except OSError:  # which Python itself tells, by a message and a code of its own
        sys.exit(code)
    os._exit(code)
