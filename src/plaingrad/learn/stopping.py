"""The end of a judgement: an error, the end of the program, or no end in time."""

from __future__ import annotations

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from plaingrad.inspect.gradients.endless import Overtime, limited
from plaingrad.learn.verdict import ENDS, EVERYTHING, UNSOLVED_BLANK, Problem

LONGEST_LINE = 100  # characters of a line that a sentence quotes
LONGEST = 500  # characters of an error's message


class Stopped(Exception):
    """Raised where a problem leaves nothing to judge."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.text)
        self.problem = problem


@contextmanager
def stopping(user: str, time_limit: float, file: str = "") -> Iterator[None]:
    """Raise `Stopped` for whatever leaves the block.

    Args:
        user: what is running, for the message.
        time_limit: the seconds that it may take.
        file: the path of the learner's file, to name its line.
    """
    try:
        with limited(time_limit):
            yield
    except Overtime:
        words = f"still running after {time_limit:g} seconds; look at the conditions of its loops"
        raise Stopped(Problem(EVERYTHING, f"{user} does not end in time", "endless", user, words)) from None
    except (SystemExit, KeyboardInterrupt) as error:
        text = f"{user} ends the program: {type(error).__name__}"
        raise Stopped(Problem(EVERYTHING, text, "ends", user, ENDS)) from None
    except Exception as error:
        raise Stopped(_raised(user, file, error)) from None


def _raised(user: str, file: str, error: Exception) -> Problem:
    original = error.__cause__ or error
    text = (original.msg if isinstance(original, SyntaxError) else str(original))[:LONGEST]
    if isinstance(original, NotImplementedError) and text.startswith("your turn"):
        return Problem(EVERYTHING, f"{user}: a blank is not filled yet", UNSOLVED_BLANK, user, text)
    return Problem(EVERYTHING, f"{user}{line_of(original, file)} raised {type(original).__name__}: {text}")


def line_of(error: BaseException, file: str) -> str:
    """The last line of the learner's file that an error passed, with its number, within a sentence."""
    if isinstance(error, SyntaxError):
        return _quoted(error.lineno or 0, error.text or "")
    linecache.checkcache(file)
    line, step = 0, error.__traceback__
    while step is not None and file:
        if step.tb_frame.f_code.co_filename.endswith(file):
            line = step.tb_lineno
        step = step.tb_next
    return _quoted(line, linecache.getline(file, line))


def _quoted(line: int, code: str) -> str:
    if not line:
        return ""
    return f" line {line}, {code.strip()!r}," if 0 < len(code.strip()) <= LONGEST_LINE else f" line {line}"


def file_of(cls: type) -> str:
    """The path of the file that a class is defined in; empty if it has none."""
    return getattr(sys.modules.get(cls.__module__), "__file__", None) or ""
